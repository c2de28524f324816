//! Where the name servers are, and asking one of them.
//!
//! Four ways to find them, the first that gives any wins: in code, a property, the value of the
//! environment variable `NAMESRV_ADDR`, an HTTP endpoint. A client sticks to the one that answered
//! last; when it does not answer, the next one is asked.

use std::{fmt::Write, sync::Mutex, time::Duration};

use protocol::{Command, Text};
use runtime::Runtime;
use thiserror::Error;

use crate::{
    http::{self, FetchError},
    time::locked,
    wire::Wire,
};

/// Name servers, or how to find them.
///
/// ```
/// use client::NameServers;
/// let environment = Some("10.0.0.1:9876;10.0.0.2:9876".to_owned());
/// let found = NameServers::from_environment(environment).or_endpoint("http://ns.example/nsaddr");
/// assert_eq!(found.addresses().len(), 2);
/// assert_eq!(NameServers::from("[::1]:9876").addresses(), ["[::1]:9876"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameServers {
    addresses: Vec<Text>,
    endpoint: Option<String>,
}

impl NameServers {
    /// A `;`-separated list of `host:port`.
    #[must_use]
    pub fn list(list: &str) -> Self {
        Self { addresses: parse(list), endpoint: None }
    }

    /// The value of a property, if it was set.
    #[must_use]
    pub fn from_property(value: Option<String>) -> Self {
        Self::list(&value.unwrap_or_default())
    }

    /// The value of the environment variable `NAMESRV_ADDR`, if it was set. This library reads no
    /// environment; the program's `main` does.
    #[must_use]
    pub fn from_environment(value: Option<String>) -> Self {
        Self::list(&value.unwrap_or_default())
    }

    /// An address server: the body of its answer to a GET is the list. Asked again every two
    /// minutes.
    #[must_use]
    pub fn from_endpoint(url: impl Into<String>) -> Self {
        Self { addresses: Vec::new(), endpoint: Some(url.into()) }
    }

    /// These, or the property's if these are none.
    #[must_use]
    pub fn or_property(self, value: Option<String>) -> Self {
        self.or(Self::from_property(value))
    }

    /// These, or the environment's if these are none.
    #[must_use]
    pub fn or_environment(self, value: Option<String>) -> Self {
        self.or(Self::from_environment(value))
    }

    /// These, or an address server's if these are none.
    #[must_use]
    pub fn or_endpoint(self, url: impl Into<String>) -> Self {
        self.or(Self::from_endpoint(url))
    }

    /// The addresses that are known without asking anybody.
    #[must_use]
    pub fn addresses(&self) -> &[Text] {
        &self.addresses
    }

    fn or(self, other: Self) -> Self {
        if self.addresses.is_empty() && self.endpoint.is_none() { other } else { self }
    }
}

impl From<&str> for NameServers {
    fn from(list: &str) -> Self {
        Self::list(list)
    }
}

impl From<String> for NameServers {
    fn from(list: String) -> Self {
        Self::list(&list)
    }
}

fn parse(list: &str) -> Vec<Text> {
    let mut addresses: Vec<Text> = Vec::new();
    for address in list.split(';').map(str::trim).filter(|address| !address.is_empty()) {
        let address = address.strip_prefix("http://").unwrap_or(address);
        if !addresses.iter().any(|known| known == address) {
            addresses.push(Text::from(address));
        }
    }
    addresses
}

/// No name server answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameServersDown {
    /// None is known.
    #[error("no name server is known: set one in code, by property, NAMESRV_ADDR or endpoint")]
    NoneKnown,
    /// All that are known were asked.
    #[error("no name server answered: {tried}")]
    NoneAnswered {
        /// What each of them said.
        tried: String,
    },
}

/// The name servers of one client, and which of them it asks.
pub(crate) struct Directory {
    endpoint: Option<String>,
    state: Mutex<State>,
}

struct State {
    addresses: Vec<Text>,
    /// The one that answered last.
    current: usize,
}

impl Directory {
    pub(crate) fn new(servers: NameServers) -> Self {
        let NameServers { addresses, endpoint } = servers;
        Self { endpoint, state: Mutex::new(State { addresses, current: 0 }) }
    }

    /// Asks the address server, if there is one, and takes what it says if it says anything.
    pub(crate) async fn refresh(
        &self,
        runtime: &Runtime,
        timeout: Duration,
    ) -> Result<(), FetchError> {
        let Some(url) = &self.endpoint else { return Ok(()) };
        let addresses = parse(&http::get(runtime, url, timeout).await?);
        let mut state = locked(&self.state);
        if addresses.is_empty() || addresses == state.addresses {
            return Ok(());
        }
        // The one in use is dropped when it is no longer listed, and kept when it is.
        let used = state.addresses.get(state.current).cloned();
        let current = addresses.iter().position(|address| Some(address) == used.as_ref());
        *state = State { addresses, current: current.unwrap_or(0) };
        Ok(())
    }

    pub(crate) fn has_endpoint(&self) -> bool {
        self.endpoint.is_some()
    }

    pub(crate) fn contains(&self, address: &Text) -> bool {
        locked(&self.state).addresses.contains(address)
    }

    /// All addresses, the one in use first.
    pub(crate) fn in_turn(&self) -> Vec<Text> {
        let state = locked(&self.state);
        let mut addresses = state.addresses.clone();
        if !addresses.is_empty() {
            let used = state.current % addresses.len();
            addresses.rotate_left(used);
        }
        addresses
    }

    fn stick_to(&self, address: &Text) {
        let mut state = locked(&self.state);
        if let Some(current) = state.addresses.iter().position(|each| each == address) {
            state.current = current;
        }
    }

    /// The first answer that is `good` enough, asking one after the other; otherwise the first
    /// answer there was.
    pub(crate) async fn ask(
        &self,
        wire: &Wire,
        command: &Command,
        timeout: Duration,
        good: impl Fn(&Command) -> bool,
    ) -> Result<Command, NameServersDown> {
        let mut first = None;
        let mut tried = String::new();
        let addresses = self.in_turn();
        if addresses.is_empty() {
            return Err(NameServersDown::NoneKnown);
        }
        for address in addresses {
            match wire.call(&address, command.clone(), timeout).await {
                Ok(answer) if good(&answer) => {
                    self.stick_to(&address);
                    return Ok(answer);
                }
                Ok(answer) => {
                    if first.is_none() {
                        self.stick_to(&address);
                        first = Some(answer);
                    }
                }
                Err(failure) => {
                    let separator = if tried.is_empty() { "" } else { "; " };
                    // Writing to a string cannot fail.
                    write!(tried, "{separator}{failure}").unwrap_or_default();
                }
            }
        }
        first.ok_or(NameServersDown::NoneAnswered { tried })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_way_that_gives_any_wins() {
        let in_code = NameServers::from("a:1; b:2 ;;a:1");
        assert_eq!(in_code.addresses(), ["a:1", "b:2"]);
        let found = in_code.clone().or_property(Some("c:3".into())).or_endpoint("http://e/");
        assert_eq!(found, in_code);

        let found = NameServers::from("")
            .or_property(None)
            .or_environment(Some("d:4".into()))
            .or_endpoint("http://e/");
        assert_eq!(found.addresses(), ["d:4"]);

        let found = NameServers::from(" ").or_environment(None).or_endpoint("http://e/");
        assert_eq!(found, NameServers::from_endpoint("http://e/"));
    }

    #[test]
    fn the_one_that_answered_last_is_asked_first() {
        let directory = Directory::new(NameServers::from("a:1;b:2;c:3"));
        assert_eq!(directory.in_turn(), ["a:1", "b:2", "c:3"]);
        directory.stick_to(&Text::from("b:2"));
        assert_eq!(directory.in_turn(), ["b:2", "c:3", "a:1"]);
        directory.stick_to(&Text::from("unknown"));
        assert_eq!(directory.in_turn(), ["b:2", "c:3", "a:1"]);
    }
}
