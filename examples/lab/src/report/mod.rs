//! The page `report.html` and the plots, drawn from [`results`](crate::results).
