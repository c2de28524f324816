//! Asks an HTTP endpoint where the name servers are.
//!
//! `GET /rocketmq/<subgroup>` of `<domain>:8080` (or of the port that the domain names) answers a
//! line of addresses separated by `;`. Nothing else of HTTP is needed, and nothing else is spoken.
//!
//! Source: `common/namesrv/DefaultTopAddressing.java`.

use std::{sync::Arc, time::Duration};

use runtime::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::{
    hub::Hub,
    name_servers::{split, update},
    running::Crew,
};

/// How long the endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What it may say.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookUpError {
    #[error("{endpoint}: {cause}")]
    Net {
        endpoint: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("{endpoint} answers `{status}`")]
    Refused { endpoint: String, status: String },
    #[error("{endpoint} does not answer within {TIMEOUT:?}")]
    TimedOut { endpoint: String },
}

/// Asks again and again. The list that is known stays when there is no answer.
pub(super) async fn run(hub: Arc<Hub>, crew: Crew, stop: CancellationToken) {
    loop {
        let configured = hub.with(|broker, _| {
            let config = broker.config();
            let domain = config.address_server_domain.clone();
            (domain, config.address_server_subgroup.clone(), config.fetch_namesrv_interval_ms)
        });
        let Some((domain, subgroup, interval_ms)) = configured else { return };
        match look_up(&hub.runtime, &domain, &subgroup).await {
            Ok(list) => {
                let wanted = split(&list);
                if !wanted.is_empty() && wanted != hub.name_servers.addresses() {
                    update(&hub, &crew, &wanted);
                }
            }
            Err(error) => tracing::warn!(%error, "no list of name servers"),
        }
        let rest = hub.runtime.clock.sleep(Duration::from_millis(interval_ms.max(1_000)));
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = rest => {}
        }
    }
}

async fn look_up(runtime: &Runtime, domain: &str, subgroup: &str) -> Result<String, LookUpError> {
    let endpoint = if domain.contains(':') { domain.to_owned() } else { format!("{domain}:8080") };
    let deadline = runtime.clock.sleep(TIMEOUT);
    let asked = ask(runtime, &endpoint, subgroup);
    let answer = tokio::select! {
        biased;
        answer = asked => answer.map_err(|cause| LookUpError::Net { endpoint: endpoint.clone(), cause })?,
        () = deadline => return Err(LookUpError::TimedOut { endpoint }),
    };
    first_line_of_body(&answer)
        .map_err(|status| LookUpError::Refused { endpoint, status: status.to_owned() })
}

async fn ask(runtime: &Runtime, endpoint: &str, subgroup: &str) -> std::io::Result<String> {
    let places = runtime.net.resolve(endpoint).await?;
    let place = places.first().copied().ok_or(std::io::ErrorKind::NotFound)?;
    let mut stream = runtime.net.connect(place, TIMEOUT).await?;
    let request = format!(
        "GET /rocketmq/{subgroup} HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The first line of the body of a good answer, or the status of another one. A chunked body begins
/// with a line that holds its length.
fn first_line_of_body(answer: &str) -> Result<String, &str> {
    let status = answer.lines().next().unwrap_or_default();
    let is_good = status.split(' ').nth(1) == Some("200");
    let Some((head, body)) = answer.split_once("\r\n\r\n").filter(|_| is_good) else {
        return Err(status);
    };
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let mut lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = if is_chunked { lines.nth(1) } else { lines.next() };
    Ok(line.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_first_line_of_a_good_answer() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na:1;b:2\r\n";
        assert_eq!(Ok("a:1;b:2".to_owned()), first_line_of_body(plain));
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\na:1;b:2\r\n0\r\n\r\n";
        assert_eq!(Ok("a:1;b:2".to_owned()), first_line_of_body(chunked));
        assert_eq!(
            Err("HTTP/1.1 404 Not Found"),
            first_line_of_body("HTTP/1.1 404 Not Found\r\n\r\n")
        );
        assert_eq!(Err(""), first_line_of_body(""));
    }
}
