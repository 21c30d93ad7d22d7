//! `<peer>\n<X-Forwarded-For in lines>`: an address that no listed proxy has told is not believed.

use crate::input::split_line;
use edge_gateway::request::client::Origin;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::IpAddr;

pub fn run(data: &[u8]) {
    let (peer, rest) = split_line(data);
    let Some(peer) = std::str::from_utf8(peer).ok().and_then(|peer| peer.parse::<IpAddr>().ok()) else {
        return;
    };
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().map(|it| it.parse().unwrap()).collect();
    let trusts = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut headers = HeaderMap::new();
    for line in rest.split(|b| *b == b'\n') {
        let value = HeaderValue::from_bytes(line).ok();
        headers.extend(value.map(|value| (HeaderName::from_static("x-forwarded-for"), value)));
    }
    let origin = Origin { trusted_proxies: trusted.clone(), country_header: None, countries: None };
    let address = origin.address(peer, &headers);

    // The peer is the last hop, and those before it are named in the header.
    let peer = peer.to_canonical();
    let all: Vec<_> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    let all = all.join(&b","[..]);
    let named: Vec<Option<IpAddr>> =
        if headers.is_empty() { Vec::new() } else { all.split(|b| *b == b',').map(read).collect() };
    let hops: Vec<Option<IpAddr>> = named.into_iter().chain([Some(peer)]).rev().collect();
    let first = hops.iter().position(|hop| !hop.is_some_and(trusts)).unwrap_or(hops.len() - 1);
    assert_eq!(address, hops[first]);
}

fn read(hop: &[u8]) -> Option<IpAddr> {
    Some(std::str::from_utf8(hop.trim_ascii()).ok()?.parse::<IpAddr>().ok()?.to_canonical())
}
