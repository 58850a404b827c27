//! Under which names a server may be reached, and by whose web pages.
//!
//! A page in a browser can send requests to addresses that only the browser's user reaches. Three things keep it out:
//! * **Hosts.** A page whose name was made to resolve to this machine (DNS rebinding) sends that name as `Host`, which is not in
//!   the list. Addresses written as digits cannot be rebound.
//! * **Origins.** A browser says which page a request comes from. One that is not in the list is refused, also for WebSockets,
//!   which browsers do not guard.
//! * **Content types.** Only `application/json` is taken, which browsers do not send elsewhere without asking first.

use http::{HeaderMap, header};
use std::{collections::BTreeSet, net::IpAddr};

/// Names under which a server may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any.
    Any,
    /// These, `localhost`, and any address written as digits.
    Names(BTreeSet<String>),
}

impl Default for Hosts {
    fn default() -> Self {
        Self::Names(BTreeSet::new())
    }
}

impl Hosts {
    /// These names, without ports; `*` is any.
    pub fn names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: BTreeSet<_> = names.into_iter().map(|name| name.as_ref().to_ascii_lowercase()).collect();
        if names.contains("*") { Self::Any } else { Self::Names(names) }
    }

    /// Whether a request with such a `Host` is served. One without is: browsers always send it.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> bool {
        let Self::Names(names) = self else { return true };
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return !headers.contains_key(header::HOST);
        };
        let Some(name) = host.to_str().ok().and_then(host_name) else { return false };
        let name = name.to_ascii_lowercase();
        is_local(&name) || name.parse::<IpAddr>().is_ok() || names.contains(&name)
    }
}

/// A host without its port, and without the brackets of an IPv6 address.
fn host_name(host: &str) -> Option<&str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return (port.is_empty() || port.starts_with(':')).then_some(address);
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    (!name.is_empty()).then(|| name.strip_suffix('.').unwrap_or(name))
}

fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Web pages that may send requests and read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// None. Extensions of the browser, such as wallets, are served as far as the browser lets them.
    #[default]
    None,
    /// Pages served by this machine, and extensions of the browser.
    Loopback,
    /// These, as in `https://app.example.org`, and no others.
    List(BTreeSet<String>),
    /// Any. Every page that the user opens can then use the node.
    Any,
}

/// What is to be done with a request, by the page it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Does not come from a page.
    NoPage,
    /// The page may read the answer.
    Share,
    /// An extension of the browser, which has its own rights: it is served, and the browser decides whether it may read.
    Extension,
    /// Refused.
    Refuse,
}

impl Origins {
    /// These origins; `*` is any.
    pub fn list<S: AsRef<str>>(origins: impl IntoIterator<Item = S>) -> Self {
        let list: BTreeSet<_> = origins
            .into_iter()
            .map(|origin| origin.as_ref().trim_end_matches('/').to_ascii_lowercase())
            .collect();
        match list {
            list if list.contains("*") => Self::Any,
            list if list.is_empty() => Self::None,
            list => Self::List(list),
        }
    }

    pub(crate) fn judge(&self, headers: &HeaderMap) -> Verdict {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Verdict::NoPage };
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return Verdict::Refuse };
        let origin = origin.to_ascii_lowercase();
        let shared = match self {
            Self::None => false,
            Self::Loopback => is_loopback_page(&origin) || is_extension(&origin),
            Self::List(list) => list.contains(&origin),
            Self::Any => true,
        };
        match shared {
            true => Verdict::Share,
            false if is_extension(&origin) => Verdict::Extension,
            false => Verdict::Refuse,
        }
    }
}

fn is_extension(origin: &str) -> bool {
    ["chrome-extension://", "moz-extension://", "safari-web-extension://"]
        .iter()
        .any(|scheme| origin.starts_with(scheme))
}

fn is_loopback_page(origin: &str) -> bool {
    let Some(host) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    host_name(host).is_some_and(|name| {
        is_local(name) || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn with(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn hosts_are_local_names_addresses_and_the_list() {
        let hosts = Hosts::names(["Node.Example"]);
        for good in [
            "localhost",
            "localhost:8545",
            "LOCALHOST:1",
            "app.localhost",
            "127.0.0.1:8545",
            "[::1]:8545",
            "[::1]",
            "10.0.0.7",
            "node.example:80",
            "node.example.",
        ] {
            assert!(hosts.admit(&with(header::HOST, &[good])), "{good}");
        }
        for bad in [
            "evil.example",
            "evil.example:8545",
            "localhost.evil.example",
            "",
            ":8545",
            "[::1]x",
            "node.example.evil",
        ] {
            assert!(!hosts.admit(&with(header::HOST, &[bad])), "{bad}");
        }
        assert!(hosts.admit(&HeaderMap::new()), "no browser");
        assert!(!hosts.admit(&with(header::HOST, &["localhost", "evil.example"])), "two hosts");
        assert!(Hosts::names(["*"]).admit(&with(header::HOST, &["evil.example"])));
    }

    #[test]
    fn origins_share_refuse_or_leave_it_to_the_browser() {
        let judge = |origins: &Origins, origin: &str| origins.judge(&with(header::ORIGIN, &[origin]));
        let wallet = "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn";
        assert_eq!(Origins::None.judge(&HeaderMap::new()), Verdict::NoPage);
        assert_eq!(judge(&Origins::None, "http://localhost:3000"), Verdict::Refuse);
        assert_eq!(judge(&Origins::None, wallet), Verdict::Extension);
        assert_eq!(judge(&Origins::Loopback, wallet), Verdict::Share);
        assert_eq!(judge(&Origins::Loopback, "http://localhost:3000"), Verdict::Share);
        assert_eq!(judge(&Origins::Loopback, "http://[::1]:3000"), Verdict::Share);
        assert_eq!(judge(&Origins::Loopback, "http://localhost.evil.example"), Verdict::Refuse);
        assert_eq!(judge(&Origins::Loopback, "null"), Verdict::Refuse);
        let list = Origins::list(["https://App.example/"]);
        assert_eq!(judge(&list, "https://app.example"), Verdict::Share);
        assert_eq!(judge(&list, "https://app.example.evil"), Verdict::Refuse);
        assert_eq!(judge(&Origins::list(["*"]), "https://evil.example"), Verdict::Share);
        assert_eq!(Origins::list(Vec::<String>::new()), Origins::None);
        assert_eq!(Origins::Any.judge(&with(header::ORIGIN, &["a", "b"])), Verdict::Refuse, "two origins");
    }
}
