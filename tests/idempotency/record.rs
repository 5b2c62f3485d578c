//! Records as bytes: those of old versions, and invalid ones.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use sluicegate::idempotency::{Body, Record, RecordError, Reply};

/// Bytes that were written by hand after the layout in the docs, and their
/// meaning.
fn golden() -> [(&'static [u8], Record); 3] {
    let mut reply = Reply::new(StatusCode::CREATED);
    for (name, value) in [
        ("content-type", &b"application/octet-stream"[..]),
        ("link", b"a, b"),
        ("link", b"c"),
        ("x-raw", b"\xff\x80 caf\xe9"),
    ] {
        let value = HeaderValue::from_bytes(value).unwrap();
        reply.headers.append(name, value);
    }
    let ok = HeaderValue::from_static("0");
    reply.trailers.insert("grpc-status", ok);
    reply.body = Body::Kept(Bytes::from_static(b"\0\xff{}"));
    let mut omitted = Reply::new(StatusCode::OK);
    omitted.body = Body::Omitted;
    let value = Body::Kept(Bytes::from_static(br#"{"id":17}"#));
    [
        (
            include_bytes!("../golden/idempotency-reply-v1.bin"),
            Record::Reply(reply),
        ),
        (
            include_bytes!("../golden/idempotency-omitted-v1.bin"),
            Record::Reply(omitted),
        ),
        (
            include_bytes!("../golden/idempotency-value-v1.bin"),
            Record::Value(value),
        ),
    ]
}

#[test]
fn a_written_layout_stays_readable_and_unchanged() {
    for (bytes, record) in golden() {
        assert_eq!(
            Record::decode(&Bytes::from_static(bytes)).as_ref(),
            Ok(&record)
        );
        assert_eq!(record.encode(), bytes, "{record:?}");
    }
    let compressed = include_bytes!("../golden/idempotency-compressed-v1.bin");
    let read = Record::decode(&Bytes::from_static(compressed));
    let plain = Body::Kept(vec![b'a'; 100].into());
    assert_eq!(read, Ok(Record::Value(plain)));
}

/// More headers than a map can hold.
#[test]
fn any_number_of_headers_comes_back() {
    let mut reply = Reply::new(StatusCode::OK);
    for line in 0..40_000 {
        reply.headers.append("link", line.into());
    }
    let record = Record::Reply(reply);
    assert_eq!(Record::decode(&record.encode()), Ok(record));
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = "[a-z][a-z0-9-]{0,12}";
    let value = prop::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..], 0..40);
    let line = (name, value).prop_map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_bytes(&value).unwrap())
    });
    let lines = prop::collection::vec(line, 0..12);
    lines.prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        headers
    })
}

fn body() -> impl Strategy<Value = Body> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (any::<u8>(), 0_usize..3_000).prop_map(|(byte, length)| vec![byte; length]),
    ];
    prop_oneof![
        8 => bytes.prop_map(|bytes| Body::Kept(bytes.into())),
        1 => Just(Body::Omitted),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let reply = (100_u16..1_000, headers(), body(), headers());
    let reply = reply.prop_map(|(status, headers, body, trailers)| {
        let mut reply = Reply::new(StatusCode::from_u16(status).unwrap());
        (reply.headers, reply.body, reply.trailers) = (headers, body, trailers);
        Record::Reply(reply)
    });
    prop_oneof![3 => reply, 1 => body().prop_map(Record::Value)]
}

proptest! {
    #[test]
    fn every_record_comes_back_as_it_was(record in record(), at_least in 0_usize..100) {
        for encoded in [record.encode(), record.encode_compressed(at_least)] {
            let read = Record::decode(&encoded);
            prop_assert_eq!(read.as_ref(), Ok(&record));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let foreign = Record::decode(&Bytes::from(bytes.clone()));
        prop_assert_eq!(foreign, Err(RecordError::Foreign));
        let head = [&b"SGIR\x01"[..], &bytes].concat();
        let _ = Record::decode(&head.into());
    }

    #[test]
    fn a_record_that_was_damaged_is_read_or_refused(
        record in record(),
        compressed: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let encoded = match compressed {
            true => record.encode_compressed(0),
            false => record.encode(),
        };
        let mut bytes = encoded.to_vec();
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = Record::decode(&bytes.into());
    }
}
