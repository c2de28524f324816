//! The file a configuration came from, and how a changed value gets back into it.
//!
//! Differs from Java, which replaces the whole file by a list of all properties: only the changed
//! ones are written, in their places, and everything else in the file stays as it is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use protocol::properties_file;

/// A properties file and what is to be changed in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigFile {
    path: PathBuf,
    /// As it was read.
    content: Bytes,
    changes: BTreeMap<String, String>,
}

impl ConfigFile {
    pub(super) fn new(path: PathBuf, content: Bytes) -> Self {
        Self { path, content, changes: BTreeMap::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn change(&mut self, key: &str, value: &str) {
        self.changes.insert(key.to_owned(), value.to_owned());
    }

    /// The file with its changes.
    pub(super) fn changed(&self) -> Bytes {
        let text = properties_file::decode(&self.content);
        let lines: Vec<&str> = text.split('\n').collect();
        let mut kept = Vec::new();
        let mut next = 0;
        let mut left = self.changes.clone();
        for property in properties_file::read(&self.content).unwrap_or_default() {
            let first = property.line - 1;
            kept.extend(lines[next..first].iter().map(|line| (*line).to_owned()));
            next = first + property.lines;
            match self.changes.get(&property.key) {
                Some(value) => {
                    if left.remove(&property.key).is_some() {
                        kept.push(properties_file::line(&property.key, value));
                    }
                }
                None => kept.extend(lines[first..next].iter().map(|line| (*line).to_owned())),
            }
        }
        kept.extend(lines[next..].iter().map(|line| (*line).to_owned()));
        if kept.last().is_some_and(String::is_empty) {
            kept.pop();
        }
        kept.extend(left.iter().map(|(key, value)| properties_file::line(key, value)));
        let mut text = kept.join("\n");
        text.push('\n');
        Bytes::from(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, changes: &[(&str, &str)]) -> String {
        let mut file = ConfigFile::new(PathBuf::from("b.conf"), Bytes::from(text.to_owned()));
        for (key, value) in changes {
            file.change(key, value);
        }
        let changed = file.changed();
        for (key, value) in changes {
            let mut found = properties_file::read(&changed).unwrap();
            found.retain(|found| found.key == *key);
            assert_eq!((1, *value), (found.len(), found[0].value.as_str()), "{text:?}");
        }
        String::from_utf8(changed.to_vec()).unwrap()
    }

    #[test]
    fn a_change_takes_the_place_of_what_it_changes_and_nothing_else_moves() {
        assert_eq!("# mine\na=1\n\n b : 9\n", changed("# mine\na=0\n\n b : 9\n", &[("a", "1")]));
        assert_eq!("a=1\nb=2\n", changed("a=0", &[("a", "1"), ("b", "2")]));
        assert_eq!("a=1\nc=3\n", changed("a=0\\\n   0\nc=3\n", &[("a", "1")]));
        assert_eq!("a=1\nb=2\n", changed("a=0\nb=2\na=3\n", &[("a", "1")]));
        assert_eq!("a=1\nb=2\n", changed("a=0\r\nb=2\r\n", &[("a", "1")]));
        assert_eq!("a=1\n", changed("", &[("a", "1")]));
    }

    #[test]
    fn odd_values_come_back_as_they_were() {
        for value in ["", " x", "a\\b", "two\nlines", "#x", "a=b:c", "ü", "\t"] {
            changed("a=0\n", &[("a", value)]);
        }
    }
}
