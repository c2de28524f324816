//! What the sender of a command is written in.
//!
//! Source: remoting/protocol/LanguageCode.java. The JSON header has the name, the binary header the
//! byte. Servers act on it in two places only: a C++ client gets another body on a reset of
//! offsets, and consoles show it.

use std::fmt;

macro_rules! languages {
    ($($variant:ident $name:literal $byte:literal,)*) => {
        /// A language RocketMQ knows a client in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Language {
            $(
                #[doc = concat!("`", $name, "`, byte ", stringify!($byte), ".")]
                $variant = $byte,
            )*
        }

        impl Language {
            /// The name in the JSON header.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The byte in the binary header.
            pub const fn byte(self) -> u8 {
                match self { $(Self::$variant => $byte,)* }
            }

            /// The language of that byte.
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$variant),)* _ => None }
            }

            /// The language of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

languages! {
    Java "JAVA" 0,
    Cpp "CPP" 1,
    DotNet "DOTNET" 2,
    Python "PYTHON" 3,
    Delphi "DELPHI" 4,
    Erlang "ERLANG" 5,
    Ruby "RUBY" 6,
    Other "OTHER" 7,
    Http "HTTP" 8,
    Go "GO" 9,
    Php "PHP" 10,
    Oms "OMS" 11,
    Rust "RUST" 12,
    NodeJs "NODE_JS" 13,
}

/// `Java` is what a command without the member means.
impl Default for Language {
    fn default() -> Self {
        Self::Java
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_every_name_goes_there_and_back() {
        for byte in 0..14 {
            let language = Language::from_byte(byte).unwrap();
            assert_eq!(language.byte(), byte);
            assert_eq!(Language::from_name(language.name()), Some(language));
        }
        assert_eq!(Language::from_byte(14), None);
        assert_eq!(Language::from_name("COBOL"), None);
    }
}
