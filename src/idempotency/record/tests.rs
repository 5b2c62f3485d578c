use http::{HeaderValue, StatusCode, header};

use super::*;
use crate::idempotency::Reply;

fn reply() -> Reply {
    let mut reply = Reply::new(StatusCode::CREATED);
    let binary = HeaderValue::from_bytes(b"\xff\x80 caf\xe9").unwrap();
    for value in ["a, b", "", "c"] {
        let value = HeaderValue::from_static(value);
        reply.headers.append(header::LINK, value);
    }
    reply.headers.insert("x-raw", binary.clone());
    reply.trailers.insert("grpc-status-details-bin", binary);
    reply.body = Body::Kept(Bytes::from_static(b"\0\xff{}"));
    reply
}

#[test]
fn a_reply_comes_back_byte_for_byte() {
    let record = Record::Reply(reply());
    let encoded = record.encode();
    let Ok(Record::Reply(read)) = Record::decode(&encoded) else {
        panic!("no reply: {encoded:?}");
    };
    assert_eq!(read, reply());
    let links: Vec<_> = read.headers.get_all(header::LINK).iter().collect();
    assert_eq!(links, ["a, b", "", "c"]);
}

#[test]
fn a_body_is_not_copied_when_it_is_read() {
    let encoded = Record::Reply(reply()).encode();
    let read = Record::decode(&encoded).unwrap();
    assert!(
        encoded
            .as_ptr_range()
            .contains(&read.body().bytes().as_ptr())
    );
}

#[test]
fn an_omitted_body_is_not_an_empty_one() {
    for record in [
        Record::Reply(reply()),
        Record::Value(Body::Kept("x".into())),
    ] {
        let empty = record.clone().without_body();
        assert_eq!(Record::decode(&empty.encode()), Ok(empty.clone()));
        assert_eq!(*empty.body(), Body::Omitted);
        assert_ne!(empty, record);
    }
}

#[test]
fn a_record_of_another_version_is_refused_by_its_number() {
    let mut encoded = Record::Reply(reply()).encode().to_vec();
    encoded[4] = 7;
    let error = Record::decode(&encoded.into()).unwrap_err();
    assert_eq!(error, RecordError::Version(7));
    let told = "the idempotency record has version 7: must be 1";
    assert_eq!(error.to_string(), told);
    for foreign in [&b""[..], b"SGI", b"SGIR", b"HTTP/1.1"] {
        let read = Record::decode(&Bytes::from_static(foreign));
        assert_eq!(read, Err(RecordError::Foreign));
    }
}

#[test]
fn every_cut_in_the_head_is_detected() {
    let encoded = Record::Reply(reply()).without_body().encode();
    for end in 5..encoded.len() {
        let cut = Record::decode(&encoded.slice(..end));
        assert_eq!(cut, Err(RecordError::Malformed), "{end}");
    }
}

#[cfg(feature = "idempotency-compression")]
mod compressed {
    use super::*;

    fn long() -> Record {
        Record::Value(Body::Kept(vec![b'x'; 100_000].into()))
    }

    #[test]
    fn a_body_is_compressed_if_that_makes_it_shorter() {
        let packed = long().encode_compressed(1_000);
        assert!(packed.len() < 1_000, "{}", packed.len());
        assert_eq!(Record::decode(&packed), Ok(long()));
        assert_eq!(long().encode_compressed(100_001), long().encode());
        let short = Record::Value(Body::Kept("abc".into()));
        assert_eq!(short.encode_compressed(0), short.encode());
    }
}
