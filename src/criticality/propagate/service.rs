//! The service that passes levels on.

use std::task::{Context, Poll};

use http::{HeaderName, Request};
use tower_service::Service;

use crate::criticality::{Criticality, current};

/// A client that tells callees how important its calls are; made by a
/// [`PropagateCriticalityLayer`](super::PropagateCriticalityLayer).
#[derive(Clone, Debug)]
pub struct PropagateCriticality<S> {
    inner: S,
    header: HeaderName,
}

impl<S> PropagateCriticality<S> {
    pub(super) fn new(inner: S, header: HeaderName) -> Self {
        Self { inner, header }
    }

    inner_accessors!(S);

    /// Writes the level of a call, if it has one.
    fn write<B>(&self, req: &mut Request<B>) {
        let own = req.extensions().get().copied();
        let own = own.or_else(|| Criticality::read_from(req.headers(), &self.header));
        let level = match (current(), own) {
            (Some(most), Some(own)) => own.lowered_to(most),
            (most, own) => match most.or(own) {
                Some(level) => level,
                None => return,
            },
        };
        req.headers_mut().insert(self.header.clone(), level.into());
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for PropagateCriticality<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut req: Request<B>) -> S::Future {
        self.write(&mut req);
        self.inner.call(req)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::criticality::{HEADER, Running};

    fn told(parent: Option<Criticality>, req: &mut Request<()>) -> Option<Criticality> {
        let _running = Running::at(parent);
        PropagateCriticality::new((), HEADER).write(req);
        Criticality::read(req.headers())
    }

    #[test]
    fn a_call_is_the_lower_of_its_own_level_and_that_of_its_request() {
        let levels = || Criticality::ALL.into_iter().map(Some).chain([None]);
        for (parent, own) in levels().flat_map(|parent| levels().map(move |own| (parent, own))) {
            let least = parent.into_iter().chain(own).min();
            let mut by_extension = Request::new(());
            if let Some(own) = own {
                by_extension.extensions_mut().insert(own);
            }
            assert_eq!(told(parent, &mut by_extension), least);
            let mut by_header = Request::new(());
            if let Some(own) = own {
                own.write(by_header.headers_mut());
            }
            assert_eq!(told(parent, &mut by_header), least);
        }
    }

    #[test]
    fn a_call_carries_one_level_even_if_it_had_several() {
        let mut req = Request::new(());
        for value in ["critical-plus", "sheddable"] {
            let value = HeaderValue::from_static(value);
            req.headers_mut().append(HEADER, value);
        }
        let told = told(Some(Criticality::Critical), &mut req);
        assert_eq!(told, Some(Criticality::Sheddable));
        assert_eq!(req.headers().get_all(HEADER).iter().count(), 1);
    }
}
