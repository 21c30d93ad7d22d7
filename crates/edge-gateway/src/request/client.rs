//! Where a request came from. A proxy's word counts only if the proxy is listed.

use crate::refusal::Refusal;
use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;
use maxminddb::Reader;
use model::Error;
use policy::CountryCode;
use std::net::IpAddr;
use std::path::Path;

pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// Reads the client's address and country.
pub struct Origin {
    pub trusted_proxies: Vec<IpNet>,
    /// Header in which a listed proxy names the country.
    pub country_header: Option<HeaderName>,
    /// `MaxMind` country database.
    pub countries: Option<Reader<Vec<u8>>>,
}

impl Origin {
    pub fn open_countries(path: &Path) -> Result<Reader<Vec<u8>>, Error> {
        let unreadable = |error| Error::invalid("country_database", format!("{}: {error}", path.display()));
        Reader::open_readfile(path).map_err(unreadable)
    }

    /// Whether the address, canonical, is a listed proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// The rightmost address that no listed proxy has; `None` when a listed proxy's list is unreadable there.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        address(peer, headers, |address| self.trusts(address))
    }

    /// None for an address that has no country. Two that differ are refused: one of them is not the proxy's.
    pub fn country(
        &self,
        peer: IpAddr,
        address: Option<IpAddr>,
        headers: &HeaderMap,
    ) -> Result<Option<CountryCode>, Refusal> {
        let header = self.country_header.as_ref().filter(|_| self.trusts(peer.to_canonical()));
        let Some(name) = header else { return Ok(self.look_up(address)) };
        country_said(name, headers)
    }

    /// By the database alone.
    pub fn look_up(&self, address: Option<IpAddr>) -> Option<CountryCode> {
        let found = self.countries.as_ref()?.lookup(address?).ok()?;
        let found: maxminddb::geoip2::Country<'_> = found.decode().ok()??;
        found.country.iso_code?.parse().ok()
    }
}

/// The rightmost address that is not trusted; `None` when the list of one that is trusted is unreadable there.
pub fn address(peer: IpAddr, headers: &HeaderMap, trusts: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !trusts(peer) {
        return Some(peer);
    }
    // Bytes: a line that is no text must not vanish, or the proxy's own address would take the client's place.
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b','));
    let mut last = peer;
    for hop in hops {
        let hop = std::str::from_utf8(hop.trim_ascii()).ok()?;
        last = hop.parse::<IpAddr>().ok()?.to_canonical();
        if !trusts(last) {
            return Some(last);
        }
    }
    Some(last)
}

/// The country that a trusted header names.
pub fn country_said(name: &HeaderName, headers: &HeaderMap) -> Result<Option<CountryCode>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.any(|other| Some(other) != value) {
        let message = "there are several countries for this request";
        return Err(Refusal::bad_request("COUNTRY_AMBIGUOUS", message));
    }
    Ok(value.and_then(|value| value.to_str().ok()?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn address(peer: &str, forwarded: &[&str]) -> Option<String> {
        let origin = Origin {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            country_header: Some(HeaderName::from_static("cf-ipcountry")),
            countries: None,
        };
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        origin.address(peer.parse().unwrap(), &headers).map(|a| a.to_string())
    }

    #[test]
    fn only_a_listed_proxy_is_believed() {
        assert_eq!(address("192.0.2.1", &["203.0.113.9"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(address("10.0.0.1", &["203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(
            address("10.0.0.1", &["198.51.100.7, 203.0.113.9, 10.0.0.2"]).as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(address("10.0.0.1", &["1.2.3.4", "203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(address("::ffff:10.0.0.1", &["::ffff:203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(address("10.0.0.1", &[]).as_deref(), Some("10.0.0.1"));
        assert_eq!(address("10.0.0.1", &["nonsense"]), None);
        assert_eq!(address("10.0.0.1", &["\u{e9}"]), None);
        assert_eq!(address("10.0.0.1", &["\u{e9}, 203.0.113.9"]).as_deref(), Some("203.0.113.9"));
        assert_eq!(address("10.0.0.1", &["203.0.113.9, \u{e9}"]), None);
    }

    #[test]
    fn a_country_header_counts_only_from_a_listed_proxy() {
        let origin = Origin {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            country_header: Some(HeaderName::from_static("cf-ipcountry")),
            countries: None,
        };
        let mut headers = HeaderMap::new();
        headers.insert("cf-ipcountry", "pt".parse().unwrap());
        let of = |peer: &str| origin.country(peer.parse().unwrap(), None, &headers).unwrap();
        assert_eq!(of("10.0.0.1"), "PT".parse::<CountryCode>().ok());
        assert_eq!(of("192.0.2.1"), None);
        headers.append("cf-ipcountry", "no".parse().unwrap());
        assert!(origin.country("10.0.0.1".parse().unwrap(), None, &headers).is_err());
    }

    /// A database written by an independent tool.
    fn countries(folder: &Path) -> std::path::PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = here.join("../../.tools/bin/python");
        assert!(python.exists(), "{} is missing: run `make clients`", python.display());
        let file = folder.join("countries.mmdb");
        let script = here.join("tests/fixtures/write_countries.py");
        assert!(std::process::Command::new(python).arg(script).arg(&file).status().unwrap().success());
        file
    }

    #[test]
    fn the_country_of_an_address_is_read_from_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let countries = Origin::open_countries(&countries(folder.path())).unwrap();
        let origin = Origin { trusted_proxies: Vec::new(), country_header: None, countries: Some(countries) };
        let of = |address: &str| {
            let address = address.parse().unwrap();
            origin
                .country(address, Some(address), &HeaderMap::new())
                .unwrap()
                .map(|country| country.to_string())
        };
        assert_eq!(of("203.0.113.9").as_deref(), Some("PT"));
        assert_eq!(of("2001:db8::1").as_deref(), Some("NO"));
        assert_eq!(of("198.51.100.1"), None, "an address without a country");
        assert_eq!(of("192.0.2.1"), None, "an address that is not listed");
    }

    #[test]
    fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("countries.mmdb");
        std::fs::write(&file, "not a database").unwrap();
        let error = Origin::open_countries(&file).err().unwrap();
        assert!(error.message().contains("countries.mmdb"), "{error}");
    }
}
