//! What a server, and a client that can be asked, implement.

use protocol::Command;

use crate::Connection;

/// The other half of a connection: who is told about it, and asked on it. Requests may arrive at
/// either end.
///
/// The methods are called from the connection's own task and must not block.
pub trait Respond: Send + Sync {
    /// A connection exists. Called before anything is read from it.
    fn opened(&self, connection: &Connection) {
        let _: &Connection = connection;
    }

    /// The requests that one read brought, in their order. What is pushed into `answers` leaves in
    /// one write; an answer that is not known yet goes through [`Connection::send`] later. Nobody
    /// waits for an answer to a one-way request: such answers are dropped.
    fn asked(
        &self,
        connection: &Connection,
        requests: &mut Vec<Command>,
        answers: &mut Vec<Command>,
    );

    /// The connection is gone. Called once, after everything else.
    fn closed(&self, connection: &Connection) {
        let _: &Connection = connection;
    }
}
