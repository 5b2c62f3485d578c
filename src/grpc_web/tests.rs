use bytes::{Buf, Bytes};

use super::{
    reader::{MAX_TRAILER_BYTES, TRAILERS_FLAG},
    *,
};
use crate::content::Grpc;

/// A frame with these flags.
fn frame(flags: u8, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[flags], &length[..], text.as_bytes()].concat()
}

fn body() -> Vec<u8> {
    let trailers = "grpc-status:14\r\nGrpc-Message: away\r\n";
    let frames = [frame(0, "a message"), frame(0, ""), frame(1, "another")];
    [frames.concat(), frame(TRAILERS_FLAG, trailers)].concat()
}

/// The status, if there is one, of a body in pieces of this size.
fn status(form: Grpc, body: &[u8], size: usize) -> Option<String> {
    let mut reader = Reader::new(form).unwrap();
    for piece in body.chunks(size) {
        reader.read(&Bytes::copy_from_slice(piece));
    }
    let status = reader.end()?.get("grpc-status")?;
    Some(status.to_str().unwrap().to_owned())
}

/// The text of each piece, one behind the other.
fn encoded(pieces: &[&[u8]]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in pieces.iter().flat_map(|piece| piece.chunks(3)) {
        let mut bytes = [0; 4];
        bytes[1..=three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes(bytes);
        for nth in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * nth) & 63) as usize];
            text.push(char::from(if nth > three.len() { b'=' } else { digit }));
        }
    }
    text
}

#[test]
fn a_status_is_found_however_the_body_is_cut() {
    let body = body();
    for size in 1..=body.len() {
        assert_eq!(
            status(Grpc::Web, &body, size).as_deref(),
            Some("14"),
            "{size}"
        );
    }
}

#[test]
fn base64_comes_in_pieces_of_its_own() {
    let body = body();
    for size in 1..=body.len() {
        let pieces: Vec<_> = body.chunks(size).collect();
        let text = encoded(&pieces);
        for cut in [1, 2, 3, 5, text.len()] {
            let found = status(Grpc::WebText, text.as_bytes(), cut);
            assert_eq!(found.as_deref(), Some("14"), "{size} {cut}");
        }
    }
    let unpadded = encoded(&[&body]);
    let unpadded = unpadded.trim_end_matches('=');
    let found = status(Grpc::WebText, unpadded.as_bytes(), 7);
    assert_eq!(found.as_deref(), Some("14"));
}

#[test]
fn an_incomplete_or_invalid_body_has_no_status() {
    let body = body();
    for length in 0..body.len() {
        assert_eq!(status(Grpc::Web, &body[..length], 16), None, "{length}");
    }
    assert_eq!(status(Grpc::WebText, b"!!!!", 4), None);
    assert_eq!(status(Grpc::WebText, b"A===", 4), None);
    let nonsense = frame(TRAILERS_FLAG, "no colon\r\n\0: \x01\r\n");
    assert_eq!(status(Grpc::Web, &nonsense, 4), None);
    assert!(Reader::new(Grpc::Plain).is_none());
}

#[test]
fn of_long_trailers_the_first_8_kib_are_read() {
    let long = "x".repeat(1 << 20);
    let early = frame(
        TRAILERS_FLAG,
        &format!("grpc-status: 5\r\nlong: {long}\r\n"),
    );
    assert_eq!(status(Grpc::Web, &early, 1_000).as_deref(), Some("5"));
    let late = frame(
        TRAILERS_FLAG,
        &format!("long: {long}\r\ngrpc-status: 5\r\n"),
    );
    assert_eq!(status(Grpc::Web, &late, 1_000), None);
    // Cut within the status.
    let cut = format!(
        "long: {}\r\ngrpc-status: 14\r\n",
        "x".repeat(MAX_TRAILER_BYTES - 22)
    );
    assert_eq!(status(Grpc::Web, &frame(TRAILERS_FLAG, &cut), 1_000), None);
}

#[test]
fn a_piece_may_be_a_chain_of_others() {
    let body = body();
    let (one, other) = body.split_at(7);
    let mut reader = Reader::new(Grpc::Web).unwrap();
    reader.read(&one.chain(other));
    assert_eq!(reader.trailers().unwrap()["grpc-message"], "away");
}
