# The chances of a test of one slope within persons, where use and residuals are normal.
# People x waves, all answered; use and residuals independent with variance 1; effects of
# persons and waves absorbed. The sum of squares of use is chi-square with (n-1)(T-1).
# The cluster-robust error is taken to have the degrees of freedom of people whose
# shares of it are chi-square with T-1: n / (1 + 2 / (T - 1)) (Satterthwaite).
# Found is "associated" without "but negligible". Negligible is equivalent, not
# associated, and not rejected by the test of curvature, which rejects in 5 % of
# studies; that test is taken to be independent of the slope's.
source("common.R")
set.seed(1)

chances <- function(people, waves, size, draws = 2e6) {
  df <- people / (1 + 2 / (waves - 1))
  within <- (people - 1) * (waves - 1)
  ratio <- size * sqrt(rchisq(draws, within))
  z <- rnorm(draws)
  s <- sqrt(rchisq(draws, df) / df)
  differs <- function(t) abs(t) > qt(0.975, df) * s
  equivalent <- function(t) abs(t) < ratio - qt(0.95, df) * s
  data.frame(
    people = people, waves = waves, size = size,
    found = mean(differs(ratio + z) & !equivalent(ratio + z)),
    negligible = 0.95 * mean(equivalent(z) & !differs(z))
  )
}

write_exactly(
  rbind(chances(40, 4, 0.25), chances(80, 4, 0.25), chances(80, 3, 0.3)),
  "power/expected.csv"
)
