//! Tests of moments, by hand.

use super::*;

fn of(rows: &[[f64; 3]]) -> Moments {
    let mut moments = Moments::new(3);
    rows.iter().for_each(|row| moments.push(row));
    moments
}

/// By hand for (1, 2, 0), (2, 4, 1), (6, 3, 0): means 3, 3, 1/3; deviations -2 -1 3, -1 1 0, -1/3 2/3 -1/3. Shifted by 1e9 too.
#[test]
fn covariances_by_hand() {
    for shift in [0.0, 1e9] {
        let moments = of(&[
            [1.0 + shift, 2.0, 0.0],
            [2.0 + shift, 4.0, 1.0],
            [6.0 + shift, 3.0, 0.0],
        ]);
        let near = |got: Option<f64>, want: f64| {
            let got = got.expect("a number");
            assert!((got - want).abs() <= 1e-14 * want.abs(), "{got} and {want}");
        };
        near(moments.mean(0), 3.0 + shift);
        near(moments.sum(1), 9.0);
        let want = [[7.0, 0.5, -0.5], [0.5, 1.0, 0.5], [-0.5, 0.5, 1.0 / 3.0]];
        for (i, row) in want.iter().enumerate() {
            for (j, co) in row.iter().enumerate() {
                near(moments.covariance(i, j), *co);
            }
        }
    }
}

/// What does not vary has a variance of exactly 0, also when merged.
#[test]
fn a_constant_has_no_variance() {
    let mut all = of(&[[0.1, 1e9 + 0.3, 7.0]; 5]);
    all.merge(&of(&[[0.1, 1e9 + 0.3, 7.0]; 9])).expect("three variables");
    assert_eq!((all.covariance(0, 0), all.covariance(1, 1)), (Some(0.0), Some(0.0)));
}

#[test]
fn few_rows_have_no_answer() {
    assert_eq!(Moments::new(2).mean(0), None);
    assert_eq!(of(&[[1.0, 2.0, 3.0]]).covariance(0, 1), None);
    assert!(of(&[]).merge(&Moments::new(2)).is_err());
}
