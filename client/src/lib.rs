//! Producers and consumers for RocketMQ brokers.
//!
//! Everything runs on a [`runtime::Runtime`]: the real one, or a simulated one in a test. Nothing
//! here reads a clock, an environment variable or a file in any other way.
//!
//! | to | use |
//! |---|---|
//! | send messages | [`Producer`] |
//! | be given messages, in any order or in the order of each queue | [`PushConsumer`] |
//! | ask for the next messages | [`LitePullConsumer`] |
//! | pull and commit by hand | [`PullConsumer`] |
//! | make topics, look at brokers | [`Admin`] |
//!
//! Whether something happened is never guessed: an error tells a definite "no" from "nobody knows"
//! (`is_unknown`).

mod admin;
mod ahead;
mod assigned;
mod balance;
mod events;
mod faults;
mod http;
mod instance;
mod lite;
mod local_offsets;
mod member;
mod message;
mod name_servers;
mod producer;
mod pull;
mod pulling;
mod push;
mod queries;
mod queue;
mod received;
mod routes;
mod settings;
mod start;
mod subscription;
mod time;
mod window;
mod wire;

pub use admin::{Admin, AdminError, Stretch};
pub use balance::{Balance, MachineRooms};
pub use events::ConsumerEvent;
pub use instance::RouteError;
pub use lite::{LitePullConsumer, LitePullConsumerBuilder};
pub use local_offsets::OffsetFileError;
pub use member::{ConsumeFrom, MessageModel};
pub use message::{IllegalMessage, Message, ReceivedMessage};
pub use name_servers::{NameServers, NameServersDown};
pub use producer::{
    Attempt, AttemptFailure, Producer, ProducerBuilder, SendError, SendResult, SendStatus,
};
pub use pull::{PullConsumer, PullConsumerBuilder};
pub use pulling::{PullError, PullStatus, Pulled};
pub use push::{Consumed, PushConsumer, PushConsumerBuilder};
pub use queries::{Boundary, CommitError, QueryError};
pub use queue::MessageQueue;
pub use start::StartError;
pub use subscription::Filter;
pub use wire::CallFailure;
