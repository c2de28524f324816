//! C18 META-ATOMIC: of a configuration file and its copy, one can always be read.

use crate::{
    history::History,
    store_facts::FileState,
    verdict::{Findings, Pointer},
};

/// Every configuration file of every store image.
#[must_use]
pub(crate) fn check(history: &History) -> Findings {
    let mut findings = Findings::new(
        "C18",
        "META-ATOMIC",
        "Of every configuration file and its copy, at least one can be read.",
        "Nothing about the content being the newest.",
        "files",
    );
    for image in &history.stores {
        for config in &image.configs {
            findings.count();
            let states = [config.file, config.backup];
            if states.contains(&FileState::Bad) && !states.contains(&FileState::Good) {
                let (name, file) = (history.node_name(image.node), &config.name);
                let words = format!("neither {file} nor its copy on {name} can be read");
                findings.violate(image.at, words, vec![Pointer::Node(image.node)]);
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{promises::Flush, sample::Sample, store_facts::ConfigImage};

    fn with(file: FileState, backup: FileState) -> Findings {
        let mut sample = Sample::new(Flush::Async);
        let name = "topics.json".to_owned();
        sample.store_with(&[]).configs = vec![ConfigImage { name, file, backup }];
        check(&sample.history)
    }

    #[test]
    fn one_good_file_of_two_passes() {
        assert!(with(FileState::Bad, FileState::Good).kept());
        assert!(with(FileState::Good, FileState::Absent).kept());
        assert!(with(FileState::Absent, FileState::Absent).kept());
    }

    #[test]
    fn two_unreadable_files_are_found() {
        assert_eq!(with(FileState::Bad, FileState::Bad).broken(), 1);
        assert_eq!(with(FileState::Bad, FileState::Absent).broken(), 1);
    }
}
