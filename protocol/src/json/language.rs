//! [`Language`] inside bodies: its name.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::{Language, Text};

impl<'de> Deserialize<'de> for Language {
    /// A language we have not heard of is `OTHER`: nothing depends on it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Text::deserialize(deserializer)?;
        Ok(Self::from_name(&name).unwrap_or(Self::Other))
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
