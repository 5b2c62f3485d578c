//! How evenly the limit is shared.

use sluicegate::limit::Quota;

use super::figures::rounded;
use crate::compare::{simulate::Record, traffic::Pattern};

/// Returns Jain's index of fairness: `sum(x)^2 / (n * sum(x^2))`, where x is the
/// number of requests of a client that passed, divided by what it was entitled to.
/// (R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984.)
///
/// A client is entitled to its max-min fair share: no client gets more than it asks
/// for, and what one does not need is divided among the others on its bucket. A
/// bucket has its burst and its rate for the length of the traffic.
pub fn fairness(pattern: &Pattern, record: &Record, quota: &Quota) -> f64 {
    let entitled = entitled(pattern, record, quota);
    let mut passed = vec![0_u64; record.requests.len()];
    for passage in &record.passages {
        passed[passage.client as usize] += 1;
    }
    let pairs = passed.iter().zip(&entitled);
    let shares = pairs.filter(|(_, entitled)| **entitled > 0.0);
    let shares: Vec<f64> = shares.map(|(passed, of)| *passed as f64 / of).collect();
    jain(&shares)
}

/// Returns 1 if all shares are 0, because then all are equal.
fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    match squares > 0.0 {
        true => rounded(sum * sum / (shares.len() as f64 * squares)),
        false => 1.0,
    }
}

/// Returns what each client is entitled to.
fn entitled(pattern: &Pattern, record: &Record, quota: &Quota) -> Vec<f64> {
    let periods = pattern.traffic.duration_us as f64 / quota.period().as_micros() as f64;
    let capacity = quota.burst_size() as f64 + quota.amount() as f64 * periods;
    match pattern.traffic.shared {
        true => max_min(&record.requests, capacity),
        false => {
            let alone = |requests: &u64| (*requests as f64).min(capacity);
            record.requests.iter().map(alone).collect()
        }
    }
}

/// Divides the capacity: from the smallest demand on, each client gets what it asks
/// for, or an equal part of the rest.
fn max_min(demands: &[u64], capacity: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|client| demands[*client]);
    let (mut left, mut shares) = (capacity, vec![0.0; demands.len()]);
    for (served, client) in order.into_iter().enumerate() {
        let equal = left / (demands.len() - served) as f64;
        shares[client] = equal.min(demands[client] as f64);
        left -= shares[client];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_1_for_equal_shares_and_1_of_n_for_one_winner() {
        assert_eq!(jain(&[0.5, 0.5, 0.5]), 1.0);
        assert_eq!(jain(&[1.0, 0.0, 0.0, 0.0]), 0.25);
        assert_eq!(jain(&[0.0, 0.0]), 1.0);
    }

    #[test]
    fn what_one_client_does_not_need_goes_to_the_others() {
        assert_eq!(max_min(&[100, 2, 100], 20.0), [9.0, 2.0, 9.0]);
        assert_eq!(max_min(&[3, 2], 20.0), [3.0, 2.0]);
    }
}
