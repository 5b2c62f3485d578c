//! The head of a request, kept for further attempts.
//!
//! A copy of a `HeaderMap` takes two allocations, and one more for each value
//! that was never copied before. Most calls need no second attempt, so the
//! headers are kept as bytes in one piece of memory, and read again only for a
//! retry.

use bytes::{Buf, BufMut, Bytes};
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    uri::PathAndQuery,
};

/// Marks the length of a value that is not to be shown in logs.
const SENSITIVE: u32 = 1 << 31;

/// The bytes of a length.
const LENGTH_BYTES: usize = 4;

/// The head of a request.
pub(super) struct SavedHead {
    method: Method,
    /// `None` if the bytes begin with the path, which is all of it.
    uri: Option<Uri>,
    version: Version,
    extensions: Extensions,
    /// The number of headers.
    headers: usize,
    /// The path and the headers: for each text its length, and the text.
    texts: Vec<u8>,
}

impl SavedHead {
    /// Copies the head of a request.
    pub(super) fn of<B>(req: &Request<B>) -> Self {
        let path = only_path(req.uri());
        let mut texts = Vec::with_capacity(length(path, req.headers()));
        if let Some(path) = path {
            put(&mut texts, path.as_bytes(), 0);
        }
        for (name, value) in req.headers() {
            put(&mut texts, name.as_str().as_bytes(), 0);
            let flag = if value.is_sensitive() { SENSITIVE } else { 0 };
            put(&mut texts, value.as_bytes(), flag);
        }
        Self {
            method: req.method().clone(),
            uri: path.is_none().then(|| req.uri().clone()),
            version: req.version(),
            extensions: req.extensions().clone(),
            headers: req.headers().len(),
            texts,
        }
    }

    /// Returns a request with this head.
    pub(super) fn request<B>(&self, body: B) -> Request<B> {
        let mut texts = self.texts.as_slice();
        let mut req = Request::new(body);
        *req.method_mut() = self.method.clone();
        *req.uri_mut() = self.uri.clone().unwrap_or_else(|| path(&mut texts));
        *req.version_mut() = self.version;
        *req.extensions_mut() = self.extensions.clone();
        *req.headers_mut() = headers(self.headers, texts);
        req
    }
}

/// Returns the path of an address that has nothing else. The first copy of such
/// an address would allocate.
fn only_path(uri: &Uri) -> Option<&str> {
    let path = uri.path_and_query().map(PathAndQuery::as_str);
    path.filter(|_| uri.scheme().is_none() && uri.authority().is_none())
}

/// Returns how many bytes the texts take.
fn length(path: Option<&str>, headers: &HeaderMap) -> usize {
    let of = |text: &[u8]| LENGTH_BYTES + text.len();
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| of(name.as_ref()) + of(value.as_bytes()));
    path.map_or(0, |path| of(path.as_bytes())) + headers.sum::<usize>()
}

fn put(texts: &mut Vec<u8>, text: &[u8], flag: u32) {
    // `http` limits addresses to 64 KiB, names to 64 KiB and values to memory that
    // no server reads.
    let length = u32::try_from(text.len()).unwrap_or(SENSITIVE - 1);
    texts.put_u32_ne(length | flag);
    texts.put_slice(text);
}

/// Reads a text, and whether it is sensitive.
fn take<'a>(texts: &mut &'a [u8]) -> (&'a [u8], bool) {
    let length = texts.get_u32_ne();
    let (text, rest) = texts.split_at((length & !SENSITIVE) as usize);
    *texts = rest;
    (text, length & SENSITIVE != 0)
}

fn path(texts: &mut &[u8]) -> Uri {
    let (path, _) = take(texts);
    let path = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(path));
    path.expect("it was the path of an address").into()
}

fn headers(count: usize, mut texts: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(count);
    for _ in 0..count {
        let (name, _) = take(&mut texts);
        let (value, is_sensitive) = take(&mut texts);
        let name = HeaderName::from_bytes(name).expect("it was the name of a header");
        let mut value = HeaderValue::from_bytes(value).expect("it was the value of a header");
        value.set_sensitive(is_sensitive);
        headers.append(name, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Tag(u8);

    fn request(uri: &'static str) -> Request<()> {
        let mut secret = HeaderValue::from_static("secret");
        secret.set_sensitive(true);
        let req = Request::put(uri).version(Version::HTTP_2).extension(Tag(7));
        let req = req.header("accept", "a").header("x-two", "1");
        let req = req
            .header("authorization", secret)
            .header("x-two", &b"\xff"[..]);
        req.body(()).unwrap()
    }

    #[test]
    fn a_request_is_the_same_again() {
        for uri in [
            "/",
            "*",
            "//a/b?c",
            "/a?b=%20c",
            "http://host",
            "https://u@host:8443/p?q",
            "host:80",
        ] {
            let req = request(uri);
            let again = SavedHead::of(&req).request(());
            assert_eq!(again.uri(), req.uri(), "{uri}");
            assert_eq!(again.headers(), req.headers());
            assert!(again.headers()["authorization"].is_sensitive());
            assert_eq!(again.extensions().get(), Some(&Tag(7)));
            assert_eq!(
                (again.method(), again.version()),
                (req.method(), req.version())
            );
        }
    }

    #[test]
    fn it_allocates_exactly_as_much_as_it_writes() {
        let head = SavedHead::of(&request("/orders"));
        assert_eq!(head.texts.len(), head.texts.capacity());
        assert_eq!(SavedHead::of(&Request::new(())).texts.capacity(), 5);
    }
}
