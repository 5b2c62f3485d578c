//! The registry's handle: counting a request that starts, and reading all
//! counts. Layers and exporters hold one.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use http::{HeaderMap, Method, StatusCode};

use super::{
    budget::{Budget, PerSide},
    series::Series,
    stripe::{SeriesContext, SeriesLookup, Stripe},
    table::Table,
};
use crate::red::{
    Cause, CompletionKey, Guard, Kind, Labels, LabelsRef, RegistrySettings, Side, SloReport,
    Snapshot, Status, components::Components, export::Exports, http::default_classify::by_status,
    slo::TrackedObjectives,
};

/// Counts requests, and reads what was counted.
///
/// It is a handle: clones share all counts, and layers hold a clone.
///
/// ```
/// use sluicegate::red::Registry;
///
/// let metrics = Registry::new();
/// assert_eq!(metrics.snapshot().started(), 0);
/// ```
#[derive(Clone)]
pub struct Registry {
    inner: Arc<RegistryCore>,
}

/// The parts that the clones of a registry share.
struct RegistryCore {
    table: Table,
    objectives: TrackedObjectives,
    components: Components,
}

impl Registry {
    /// Puts together a registry. The series get a weak handle of it, because
    /// they may have to move a request to another series.
    pub(super) fn assemble(
        settings: RegistrySettings,
        budgets: PerSide<Budget>,
        exports: Exports,
        objectives: TrackedObjectives,
    ) -> Self {
        let inner = Arc::new_cyclic(|core: &Weak<RegistryCore>| {
            let context = SeriesContext {
                settings,
                budgets,
                exports,
                lookup: core.clone(),
            };
            RegistryCore {
                table: Table::new(Arc::new(context)),
                objectives,
                components: Components::default(),
            }
        });
        Self { inner }
    }

    /// Reads what was counted up to now.
    pub fn snapshot(&self) -> Snapshot {
        let mut series: Vec<_> = self.inner.table.all().map(Series::read).collect();
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        let budgets = &self.inner.table.context().budgets;
        let [served, sent] = Side::ALL.map(|side| budgets.get(side).refused());
        Snapshot {
            series,
            overflowed: served + sent,
            overflowed_sent: sent,
            ..self.components().read()
        }
    }

    /// Reports how the [objectives](crate::red::Builder::slo) stand, in the
    /// order in which they were given.
    ///
    /// ```
    /// use sluicegate::red::{Registry, Slo};
    ///
    /// let metrics = Registry::builder().slo("answers", Slo::availability(0.999)).build();
    /// for slo in metrics.slos() {
    ///     println!("{}: {:.1} % of the budget is left", slo.name, 100.0 * slo.budget.remaining());
    /// }
    /// ```
    pub fn slos(&self) -> Vec<SloReport> {
        let now = self.settings().now();
        // With the time that the guard has read, so that the clock is read only
        // once.
        self.inner.objectives.report(now, &self.inner.table)
    }

    /// Makes the series of a route, with a count of 0 for each of these
    /// statuses.
    ///
    /// Without it, Prometheus cannot tell the first failure of a route from no
    /// failure: its `rate` sees a series that appears with a count of 1 as
    /// unchanged. The route also has its room in the registry, which no flood
    /// of other labels can take.
    ///
    /// ```
    /// use http::{Method, StatusCode};
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::new();
    /// metrics.preregister(&Method::POST, "/orders", [StatusCode::CREATED]);
    /// assert_eq!(metrics.snapshot().route("/orders").series.len(), 1);
    /// ```
    pub fn preregister(
        &self,
        method: &Method,
        route: &str,
        statuses: impl IntoIterator<Item = StatusCode>,
    ) {
        let labels = LabelsRef {
            method: self.settings().http_methods.label(method),
            ..LabelsRef::of(Kind::HttpServer, route)
        };
        let statuses = statuses.into_iter().map(|it| Status::Http(it.as_u16()));
        self.preregister_labels(labels, statuses);
    }

    /// Does the same for all gRPC [methods](crate::red::Builder::methods), with
    /// the statuses OK, UNKNOWN and INTERNAL.
    ///
    /// ```
    /// use sluicegate::red::{Methods, Registry};
    ///
    /// let methods = Methods::new().unary("shop.Orders/Place");
    /// let metrics = Registry::builder().methods(methods).build();
    /// metrics.preregister_methods();
    /// let orders = metrics.snapshot().route("shop.Orders/Place");
    /// assert_eq!((orders.started(), orders.completions().count()), (0, 3));
    /// ```
    pub fn preregister_methods(&self) {
        for name in self.settings().methods.names() {
            let labels = LabelsRef::of(Kind::GrpcServer, name);
            self.preregister_labels(labels, [0, 2, 13].map(Status::Grpc).into_iter());
        }
    }

    /// Makes a series with a completion of 0 for each status.
    fn preregister_labels(&self, labels: LabelsRef<'_>, statuses: impl Iterator<Item = Status>) {
        let methods = &self.settings().methods;
        let streamed = methods.streams(labels.route).unwrap_or(false);
        let stripe = self.inner.table.series(labels).stripe();
        for status in statuses {
            let outcome = by_status(labels.kind, status);
            let key = CompletionKey::new(Some(status), outcome, Cause::Status, streamed);
            stripe.preregister(key);
        }
    }

    /// Counts the start of a request.
    #[inline]
    pub(crate) fn start(&self, labels: LabelsRef<'_>, headers: Option<&HeaderMap>) -> Guard {
        let trace = self.settings().trace(headers);
        let guard = Guard::start(self.inner.table.series(labels).stripe(), trace);
        self.inner.objectives.look(guard.began(), &self.inner.table);
        guard
    }

    /// Returns the counters beside requests.
    #[inline]
    pub(super) fn components(&self) -> &Components {
        &self.inner.components
    }

    /// Returns the settings.
    #[inline]
    pub(crate) fn settings(&self) -> &RegistrySettings {
        &self.inner.table.context().settings
    }
}

impl SeriesLookup for RegistryCore {
    fn stripe_of(&self, labels: LabelsRef<'_>) -> Arc<Stripe> {
        Arc::clone(self.table.series(labels).stripe())
    }

    fn overflow_of(&self, labels: &Labels, key: CompletionKey) -> Arc<Stripe> {
        Arc::clone(self.table.overflow_of(labels, key).stripe())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.inner.table).finish()
    }
}
