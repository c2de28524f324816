//! A table within a page that people write: everything between two marks is ours.

use std::{fs, path::Path};

use crate::error::BenchError;

const BEGIN: &str = "<!-- bench compare writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Puts the table into the file.
pub(crate) fn write(file: &Path, table: &str) -> Result<(), BenchError> {
    let page = fs::read_to_string(file)?;
    let page = replaced(&page, table).ok_or_else(|| {
        BenchError::Program(format!(
            "{}: no place for the table, which is between `{}` and `{}`",
            file.display(),
            BEGIN.trim(),
            END.trim()
        ))
    })?;
    Ok(fs::write(file, page)?)
}

fn replaced(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = format!("# Title\n{BEGIN}old\n{END}rest\n");
        assert_eq!(replaced(&page, "new\n"), Some(format!("# Title\n{BEGIN}new\n{END}rest\n")));
        assert_eq!(replaced("# Title\n", "new\n"), None);
    }
}
