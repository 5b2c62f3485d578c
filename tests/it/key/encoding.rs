//! The form of encoded keys, which is a promise to fleets.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    num::{NonZeroI8, NonZeroU64},
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};

use sluicegate::key::{
    self, Client, ClientIp, Either, EncodedKey, HashedKey, Key, KeyExt, StoreKey,
};

use crate::keys::Pieces;

fn written(key: impl StoreKey) -> String {
    EncodedKey::of(&key).to_string()
}

/// A change in here empties the buckets of every deployed fleet.
#[test]
fn texts_bytes_and_numbers_are_written_as_ever() {
    let stays = "ABCXYZabcxyz0189-._@+/=";
    assert_eq!(written(stays), stays);
    for (key, expected) in [
        ("", ""),
        ("ann@example.org", "ann@example.org"),
        ("a b", "a%20b"),
        ("{}", "%7B%7D"),
        (":(,)~%", "%3A%28%2C%29%7E%25"),
        ("%41", "%2541"),
        ("\r\n\t\0\x7f", "%0D%0A%09%00%7F"),
        ("é→", "%C3%A9%E2%86%92"),
        (
            "*?[]^\\\"'`$!#&;<>|",
            "%2A%3F%5B%5D%5E%5C%22%27%60%24%21%23%26%3B%3C%3E%7C",
        ),
    ] {
        assert_eq!(written(key), expected, "{key:?}");
        assert_eq!(written(key.as_bytes()), expected, "{key:?}");
        assert_eq!(written(key.to_owned()), expected, "{key:?}");
    }
    assert_eq!(written([0_u8, 0x80, 0xff]), "%00%80%FF");
    assert_eq!(written('é'), "%C3%A9");
    assert_eq!(written(','), "%2C");
    assert_eq!(
        (written(true), written(false)),
        ("true".into(), "false".into())
    );
    assert_eq!(written(()), "");
    assert_eq!(written(0_u8), "0");
    assert_eq!(written(usize::MAX), u64::MAX.to_string());
    assert_eq!(written(i8::MIN), "-128");
    assert_eq!(
        written(u128::MAX),
        "340282366920938463463374607431768211455"
    );
    assert_eq!(
        written(i128::MIN),
        "-170141183460469231731687303715884105728"
    );
    assert_eq!(written(NonZeroU64::MAX), "18446744073709551615");
    assert_eq!(written(NonZeroI8::MIN), "-128");
}

#[test]
fn addresses_are_written_as_ever() {
    for address in [
        "192.0.2.1",
        "::",
        "::1",
        "2001:db8::1",
        "2001:db8:1:200::",
        "2001:db8:0:1:1:1:1:1",
        "2001:0:0:1::1",
        "::ffff:192.0.2.1",
        "::1.2.3.4",
        "64:ff9b::102:304",
    ] {
        let ip: IpAddr = address.parse().unwrap();
        let expected = if address == "::1.2.3.4" {
            "::102:304"
        } else {
            address
        };
        assert_eq!(written(ip), expected);
        match ip {
            IpAddr::V4(ip) => assert_eq!(written(ip), expected),
            IpAddr::V6(ip) => assert_eq!(written(ip), expected),
        }
    }
    let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
    assert_eq!(written(Client::from(mapped)), "192.0.2.1");

    let socket = |text: &str| written(text.parse::<SocketAddr>().unwrap());
    assert_eq!(socket("192.0.2.1:80"), "(192.0.2.1,80)");
    assert_eq!(socket("[2001:db8::1]:80"), "(2001:db8::1,80)");
    assert_eq!(socket("[fe80::1%2]:80"), "(fe80::1,80,0,2)");
    let flowing = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 1, 0);
    assert_eq!(written(flowing), "(::1,80,1,0)");
}

#[test]
fn combined_keys_have_a_stable_form() {
    assert_eq!(written(("a", 1)), "(a,1)");
    assert_eq!(written(("a", 1, "b")), "(a,1,b)");
    assert_eq!(written(("a", 1, "b", ())), "(a,1,b,)");
    assert_eq!(written((("a", 1), "b")), "((a,1),b)");
    assert_eq!(written(("a", (1, "b"))), "(a,(1,b))");
    assert_eq!(written(("a,1", "b)")), "(a%2C1,b%29)");
    assert_eq!(written(None::<&str>), "-");
    assert_eq!(written(Some("")), "()");
    assert_eq!(written(Some("-")), "(-)");
    assert_eq!(written(Some(None::<()>)), "(-)");
    assert_eq!(written(Some(Some("a"))), "((a))");
    assert_eq!(written(Either::<_, &str>::First("a")), "(1,a)");
    assert_eq!(written(Either::<&str, _>::Second("a")), "(2,a)");

    let text = String::from("a b");
    assert_eq!(written((&mut text.clone(), &&7)), "(a%20b,7)");
    assert_eq!(written(Box::<str>::from("a b")), "a%20b");
    assert_eq!(written(Rc::<[u8]>::from(*b"a b")), "a%20b");
    assert_eq!(written(Arc::new(text.clone())), "a%20b");
    assert_eq!(written(Cow::Borrowed("a b")), "a%20b");
    assert_eq!(written(Cow::<str>::Owned(text)), "a%20b");
    assert_eq!(written(Bytes::from_static(b"a b")), "a%20b");
    assert_eq!(written(&("a", 1) as &dyn StoreKey), "(a,1)");
}

#[test]
fn the_keys_of_this_crate_have_a_stable_form() {
    fn made<K: for<'a> Key<Request<()>, Key<'a>: StoreKey>>(
        key: K,
        request: &Request<()>,
    ) -> String {
        written(key.key(request).unwrap())
    }
    let value = HeaderValue::from_bytes(b"k\xff 1").unwrap();
    let mut request = Request::put("/")
        .header("x-api-key", value)
        .body(())
        .unwrap();
    request.extensions_mut().insert(7_u32);
    request
        .extensions_mut()
        .insert(IpAddr::from([192, 0, 2, 1]));

    let (api_key, absent) = (key::header("x-api-key"), key::header("x-absent"));
    assert_eq!(made(key::Global, &request), "");
    assert_eq!(made(api_key.clone(), &request), "k%FF%201");
    assert_eq!(made(key::extension::<u32>(), &request), "7");
    assert_eq!(made(ClientIp::peer(), &request), "192.0.2.1");
    let method = key::by(|req: &Request<()>| Some(req.method().clone()));
    assert_eq!(
        made((method, ClientIp::peer()), &request),
        "(PUT,192.0.2.1)"
    );
    assert_eq!(
        made(api_key.clone().or(key::Global), &request),
        "(1,k%FF%201)"
    );
    assert_eq!(
        made(absent.or(api_key).or(key::Global), &request),
        "(1,(2,k%FF%201))"
    );
    assert_eq!(written(HeaderName::from_static("x-api-key")), "x-api-key");
}

#[test]
fn pieces_of_a_key_stay_together() {
    let pieces = |pieces: &[&str]| Pieces(pieces.iter().map(|piece| piece.to_string()).collect());
    assert_eq!(written(pieces(&["a", "b"])), "(a,b)");
    assert_eq!(written(pieces(&["a"])), "a");
    assert_eq!(written(pieces(&[])), "()");
    assert_eq!(written((pieces(&["a", "b"]), "c")), "((a,b),c)");
    assert_eq!(written(("a", pieces(&["b", "c"]))), "(a,(b,c))");
    assert_eq!(
        written((pieces(&[]), Some(pieces(&["a", "b"])))),
        "((),((a,b)))"
    );
}

fn named(prefix: &str, limiter: &str, key: impl StoreKey) -> String {
    String::from_utf8(EncodedKey::in_store(prefix, limiter, &key)).unwrap()
}

#[test]
fn names_are_as_ever() {
    assert_eq!(named("sluicegate", "api", ()), "sluicegate:{api:}");
    assert_eq!(named("sluicegate", "api", "k 1"), "sluicegate:{api:k%201}");
    assert_eq!(named("", "", ""), ":{:}");
    assert_eq!(named("shop:eu", "api", 7), "shop:eu:{api:7}");
    assert_eq!(named("a:{b:", "c:d}", (1, 2)), "a:%7Bb::{c%3Ad%7D:(1,2)}");
    assert_eq!(
        named("Läden", "für alle", 7),
        "L%C3%A4den:{f%C3%BCr%20alle:7}"
    );
}

#[test]
fn long_keys_are_cut_as_ever() {
    assert_eq!(
        named("s", "l", "a".repeat(128)),
        format!("s:{{l:{}}}", "a".repeat(128))
    );
    let first_and_digest = |key: String| {
        let name = named("s", "l", key);
        let key = name
            .strip_prefix("s:{l:")
            .unwrap()
            .strip_suffix('}')
            .unwrap();
        let (first, digest) = key.split_once('~').unwrap();
        (first.to_owned(), digest.to_owned())
    };
    assert_eq!(
        first_and_digest("a".repeat(129)),
        (
            "a".repeat(32),
            "c12cb024a2e5551cca0e08fce8f1c5e314555cc3fef6329ee994a3db752166ae".into()
        )
    );
    assert_eq!(
        first_and_digest("\0".repeat(10_240)),
        (
            "%00".repeat(10),
            "0fd2b54bc9b9df8c777b8075d032a576d3a36109e4993ec494a8716bfc331afe".into()
        )
    );
    for (before, whole) in [(28, 32), (29, 32), (30, 30), (31, 31), (32, 32)] {
        let (first, _) = first_and_digest(format!("{} {}", "a".repeat(before), "a".repeat(200)));
        assert_eq!(first.len(), whole, "{before}");
    }
    assert_eq!(
        named("s", "l", ("é".repeat(40), 7)),
        "s:{l:(%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9\
         ~4e3682a9b67a2f59bcfda358cab6fa40a2ed5281645dbe52e2a115a0b01d33fb}"
    );
}

#[test]
fn no_key_has_the_name_of_a_key_that_was_cut() {
    let cut = named("s", "l", "a".repeat(10_240));
    let told = cut
        .strip_prefix("s:{l:")
        .unwrap()
        .strip_suffix('}')
        .unwrap();
    assert_ne!(named("s", "l", told), cut);
    assert_ne!(named("s", "l", "a".repeat(10_241)), cut);
}

#[test]
fn a_key_stays_in_its_limiter() {
    for key in [
        "}", "}:{", "x}{y:", "} b", ":", "a:b", "\n", "\0", "{", "~", "\u{feff}",
    ] {
        let name = named("s", "a", key);
        assert_eq!(name.matches('{').count(), 1, "{name}");
        assert_eq!(name.matches('}').count(), 1, "{name}");
        assert_eq!(name.matches(':').count(), 2, "{name}");
        assert!(name.starts_with("s:{a:") && name.ends_with('}'), "{name}");
    }
    assert_ne!(named("s", "a:b", "c"), named("s", "a", "b:c"));
    assert_ne!(named("s:{a", "b", "c"), named("s", "a:{b", "c"));
}

#[test]
fn a_name_takes_one_allocation() {
    let name = EncodedKey::in_store("sluicegate", "api", &("a".repeat(60), "b".repeat(60)));
    let room = "sluicegate:{api:}".len() + 128;
    assert_eq!(name.capacity(), room, "it did not have to grow");
}

#[test]
fn a_hashed_key_shows_nothing_of_itself() {
    const T0KEN: &str = "~b46c09677343261f0b439a472422225e3a230c9c094d6ab16762e2036b597053";
    let hashed = |key| EncodedKey::of(&HashedKey(key)).to_string();
    assert_eq!(hashed("t0ken"), T0KEN);
    let value = HeaderValue::from_static("t0ken");
    assert_eq!(EncodedKey::of(&HashedKey(&value)).to_string(), T0KEN);
    let beside = EncodedKey::of(&(HashedKey("t0ken"), "GET")).to_string();
    assert_eq!(beside, format!("({T0KEN},GET)"));
    assert_eq!(format!("{:?}", HashedKey("t0ken")), "HashedKey");
    // Not even of the beginning of one that is cut.
    let long = "t0ken".repeat(100);
    let cut = named("sluicegate", "api", &(HashedKey(&*long), "a".repeat(200)));
    assert!(!cut.contains("t0ken"), "{cut}");
    // Nothing that a client writes looks like it.
    assert_eq!(EncodedKey::of(T0KEN).to_string(), T0KEN.replace('~', "%7E"));
}
