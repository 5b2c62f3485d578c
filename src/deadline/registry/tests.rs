use std::time::Duration;

use tokio::time::advance;

use super::{registry::RegistryBackend, remaining::cut_reason, *};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_deadline_expires_and_is_forgotten_after_its_grace() {
    let registry = Registry::builder().grace(10 * SECOND).local();
    let id = registry.register(2 * SECOND).await.unwrap();
    advance(SECOND).await;
    assert_eq!(registry.remaining(&id).await, Ok(Remaining::Left(SECOND)));
    let claim = registry.claim(&id).await.unwrap();
    assert_eq!(claim.deadline().remaining(), SECOND);
    advance(SECOND).await;
    assert!(claim.deadline().is_expired());
    assert_eq!(registry.remaining(&id).await, Ok(Remaining::Expired));
    assert_eq!(registry.claim(&id).await.unwrap_err(), Error::Expired);
    advance(10 * SECOND).await;
    assert_eq!(registry.remaining(&id).await, Ok(Remaining::Unknown));
    assert_eq!(registry.claim(&id).await.unwrap_err(), Error::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_child_ends_with_its_parent_at_the_latest() {
    let registry = Registry::local();
    let parent = registry.register(SECOND).await.unwrap();
    let long = registry.derive(&parent, 9 * SECOND).await.unwrap();
    let short = registry.derive(&parent, SECOND / 4).await.unwrap();
    assert_eq!(registry.remaining(&long).await, Ok(Remaining::Left(SECOND)));
    assert_eq!(
        registry.remaining(&short).await,
        Ok(Remaining::Left(SECOND / 4))
    );
    advance(SECOND).await;
    assert_eq!(registry.derive(&parent, SECOND).await, Err(Error::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_reaches_only_the_tree_below() {
    let registry = Registry::local();
    let root = registry.register(SECOND).await.unwrap();
    let parent = registry.derive(&root, SECOND).await.unwrap();
    let child = registry.derive(&parent, SECOND).await.unwrap();
    let (above, below) = (registry.claim(&root).await, registry.claim(&child).await);
    let (above, below) = (above.unwrap(), below.unwrap());
    let before = registry.cancel(&parent, "not wanted").await;
    assert_eq!(before, Ok(Remaining::Left(SECOND)));
    assert_eq!(&*below.cancelled().await, "not wanted");
    assert_eq!(above.why_cancelled(), None);
    let cancelled = Remaining::Cancelled("not wanted".into());
    assert_eq!(registry.remaining(&child).await, Ok(cancelled.clone()));
    assert_eq!(registry.remaining(&root).await, Ok(Remaining::Left(SECOND)));
    assert_eq!(registry.cancel(&child, "again").await, Ok(cancelled));
    assert_eq!(registry.counts().told, 1);
    registry.cancel(&root, "at all").await.unwrap();
    assert_eq!(&*above.cancelled().await, "at all");
    let error = registry.register_as(root, SECOND).await;
    assert_eq!(error, Err(Error::Cancelled("at all".into())));
    assert_eq!(&*below.cancelled().await, "not wanted");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_known_only_becomes_earlier() {
    let registry = Registry::local();
    let id = Id::named("order 17").unwrap();
    for (budget, left) in [(3, 3), (5, 3), (2, 2)] {
        registry
            .register_as(id.clone(), budget * SECOND)
            .await
            .unwrap();
        assert_eq!(
            registry.remaining(&id).await,
            Ok(Remaining::Left(left * SECOND))
        );
    }
    let child = registry.derive(&id, SECOND).await.unwrap();
    let outlasting = registry.register_as(child, 9 * SECOND).await;
    assert_eq!(outlasting, Err(Error::Malformed));
    let none = registry.register(Duration::ZERO).await.unwrap();
    assert_eq!(registry.remaining(&none).await, Ok(Remaining::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_full_registry_has_room_again_once_old_deadlines_are_forgotten() {
    let registry = Registry::builder().capacity(1).grace(SECOND).local();
    let id = registry.register(SECOND).await.unwrap();
    assert_eq!(registry.register(SECOND).await, Err(Error::Full));
    registry.register_as(id, SECOND / 2).await.unwrap();
    advance(SECOND * 3 / 2).await;
    registry.register(SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_claim_holds_nothing() {
    let registry = Registry::local();
    let RegistryBackend::Local(local) = &registry.0 else {
        unreachable!()
    };
    let id = registry.register(SECOND).await.unwrap();
    let claim = registry.claim(&id).await.unwrap();
    let clone = claim.clone();
    drop(claim);
    assert_eq!(local.holders.count(), 1);
    drop(clone);
    assert_eq!(local.holders.count(), 0);
    let unknown = Id::named("unknown").unwrap();
    assert!(registry.claim(&unknown).await.is_err());
    assert_eq!(local.holders.count(), 0);
}

#[test]
fn a_long_reason_is_cut_between_two_letters() {
    let long = "é".repeat(200);
    assert_eq!(cut_reason(&long).len(), 256);
    let odd = format!("x{long}");
    assert_eq!(cut_reason(&odd).len(), 255);
}
