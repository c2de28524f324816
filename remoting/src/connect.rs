//! Opening a connection.

use std::{io, net::SocketAddr, sync::Arc};

use runtime::Runtime;

use crate::{Connection, Limits, Respond, conversation::Conversation};

/// Why there is no connection.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot connect to {to}: {cause}")]
pub struct ConnectError {
    /// Where to.
    pub to: SocketAddr,
    /// What the network said.
    #[source]
    pub cause: Arc<io::Error>,
}

/// Opens a connection and starts its task. Requests of the other end go to `respond`.
pub async fn connect(
    runtime: &Runtime,
    to: SocketAddr,
    limits: Limits,
    respond: Arc<dyn Respond>,
) -> Result<Connection, ConnectError> {
    let stream = runtime.net.connect(to, limits.connect).await;
    let stream = stream.map_err(|cause| ConnectError { to, cause: Arc::new(cause) })?;
    Ok(Conversation::start(runtime, stream, limits, respond, |_| Box::new(())))
}
