//! Java enums that stand in bodies by their names.

/// Declares an enum whose constants are written by name. A name we do not know is an error; an
/// empty one or null is the default.
macro_rules! names {
    ($(
        $(#[$meta:meta])*
        $type:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)*
        }
    )*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
            pub enum $type {
                $($(#[$variant_meta])* $variant,)*
            }

            impl $type {
                /// The name on the wire.
                pub const fn name(self) -> &'static str {
                    match self {
                        $(Self::$variant => $name,)*
                    }
                }

                /// The constant of that name.
                pub fn from_name(name: &str) -> Option<Self> {
                    match name {
                        $($name => Some(Self::$variant),)*
                        _ => None,
                    }
                }
            }

            impl serde::Serialize for $type {
                fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    to.serialize_str(self.name())
                }
            }

            impl<'de> serde::Deserialize<'de> for $type {
                fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    let name = crate::Text::deserialize(from)?;
                    if name.is_empty() {
                        return Ok(Self::default());
                    }
                    Self::from_name(&name).ok_or_else(|| {
                        let shown: String = name.chars().take(40).collect();
                        let message = format!("`{shown}` is none of {}", [$($name),*].join(", "));
                        serde::de::Error::custom(message)
                    })
                }
            }

            impl std::fmt::Display for $type {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(self.name())
                }
            }
        )*
    };
}

names! {
    /// How a consumer gets its messages.
    ConsumeType {
        /// It asks when it wants.
        Actively = "CONSUME_ACTIVELY",
        /// Its listener is called.
        #[default]
        Passively = "CONSUME_PASSIVELY",
        /// It pops.
        Pop = "CONSUME_POP",
    }

    /// Who in a group gets a message.
    MessageModel {
        /// Every client.
        Broadcasting = "BROADCASTING",
        /// One client.
        #[default]
        Clustering = "CLUSTERING",
        /// One client, of a lite topic.
        LiteSelective = "LITE_SELECTIVE",
    }

    /// Where a group without offsets begins.
    ConsumeFromWhere {
        /// With what comes after it.
        #[default]
        LastOffset = "CONSUME_FROM_LAST_OFFSET",
        /// Deprecated.
        LastOffsetAndFromMinWhenBootFirst = "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
        /// Deprecated.
        MinOffset = "CONSUME_FROM_MIN_OFFSET",
        /// Deprecated.
        MaxOffset = "CONSUME_FROM_MAX_OFFSET",
        /// With the oldest message kept.
        FirstOffset = "CONSUME_FROM_FIRST_OFFSET",
        /// With the first message of a moment.
        Timestamp = "CONSUME_FROM_TIMESTAMP",
    }

    /// How many tags a message of a topic may have. Without effect.
    TopicFilterType {
        /// One.
        #[default]
        SingleTag = "SINGLE_TAG",
        /// Several.
        MultiTag = "MULTI_TAG",
    }

    /// How the waits between retries of a group grow.
    RetryPolicyType {
        /// By multiplication.
        Exponential = "EXPONENTIAL",
        /// By a list.
        #[default]
        Customized = "CUSTOMIZED",
    }

    /// How a group gets the messages of a topic.
    MessageRequestMode {
        /// By offset.
        #[default]
        Pull = "PULL",
        /// The broker chooses.
        Pop = "POP",
    }

    /// What came of consuming one message by order of an operator.
    ConsumeOutcome {
        /// It is done.
        #[default]
        Success = "CR_SUCCESS",
        /// It should come again.
        Later = "CR_LATER",
        /// An orderly listener rolled back.
        Rollback = "CR_ROLLBACK",
        /// An orderly listener committed.
        Commit = "CR_COMMIT",
        /// The listener threw.
        Threw = "CR_THROW_EXCEPTION",
        /// The listener returned nothing.
        ReturnedNull = "CR_RETURN_NULL",
    }
}
