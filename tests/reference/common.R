# Shared by the reference scripts: the panel, and how results are written.

read_panel <- function() {
  panel <- read.csv("panel.csv", stringsAsFactors = FALSE)
  panel <- panel[complete.cases(panel), ]
  panel$participant_id <- factor(panel$participant_id)
  panel$gender <- factor(panel$gender)
  panel
}

# The awkward panels that every linear estimator is held against; in `constant` the
# exposure story is the same in every row, and R is not asked about it.
variants <- function() {
  panel <- read_panel()
  rows <- ave(panel$wave, panel$participant_id, FUN = length)
  lapply(
    list(
      dropout = panel,
      two_waves = panel[panel$wave <= 2, ],
      missing_wave = panel[panel$wave != 3, ],
      balanced = panel[rows == 5, ],
      constant = panel
    ),
    droplevels
  )
}
exposures_of <- function(variant) {
  c("reaction_days_per_week", if (variant != "constant") "story_days_per_week")
}

# Drop persons, then waves, that have one row, until none is left.
without_singletons <- function(panel, waves = TRUE) {
  repeat {
    kept <- panel[ave(panel$wave, panel$participant_id, FUN = length) > 1, ]
    if (waves) kept <- kept[ave(kept$wave, kept$wave, FUN = length) > 1, ]
    if (nrow(kept) == nrow(panel)) return(droplevels(panel))
    panel <- droplevels(kept)
  }
}

# G/(G-1) * (N-1)/(N-K)
small_sample <- function(n, k, g) g / (g - 1) * (n - 1) / (n - k)

# One row a coefficient, with t on G-1 degrees of freedom.
describe <- function(model, term, estimate, std_error, n, g) {
  reach <- qt(0.975, g - 1) * std_error
  data.frame(
    model = model, term = term, estimate = estimate, std_error = std_error,
    statistic = estimate / std_error, df = g - 1,
    p_value = 2 * pt(-abs(estimate / std_error), g - 1),
    ci_low = estimate - reach, ci_high = estimate + reach,
    n_obs = n, n_participants = g
  )
}

write_exactly <- function(frame, path) {
  exact <- function(x) if (is.numeric(x)) sprintf("%.17g", x) else x
  write.csv(as.data.frame(lapply(frame, exact)), path, row.names = FALSE, quote = FALSE)
}
