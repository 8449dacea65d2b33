# plm's difference GMM: two steps, collapsed instruments, vcovHC (Windmeijer 2005);
# t and p on persons - 1 degrees of freedom, as everywhere in this project.
suppressPackageStartupMessages(library(plm))
source("common.R")

reference <- function(model, formula, effect, waves = 1:5) {
  panel <- read.csv("dynamics.csv")
  panel <- panel[panel$wave %in% waves, ]
  fit <- pgmm(
    formula, data = pdata.frame(panel, index = c("participant_id", "wave")),
    effect = effect, model = "twosteps", collapse = TRUE, transformation = "d"
  )
  robust <- vcovHC(fit)
  used <- sapply(fit$residuals, function(e) sum(e != 0))
  persons <- sum(used > 0)
  terms <- c("lag(pdd_total, 1)", "story_days_per_week")
  result <- describe(
    model, c("lagged_outcome", "story_days_per_week"), fit$coefficients[[2]][terms],
    sqrt(diag(robust))[terms], sum(used), persons
  )
  # The covariance as a matrix: given as a function it hides plm's own `vcov` in
  # mtest, which then takes the robust one where Arellano & Bond take the other.
  serial <- function(order) {
    tryCatch(mtest(fit, order = order, vcov = robust), error = function(e) NULL)
  }
  hansen <- sargan(fit)
  rows <- list(hansen = hansen, ar1 = serial(1), ar2 = serial(2))
  rows <- Filter(Negate(is.null), rows)
  tests <- data.frame(
    model = model, test = names(rows),
    statistic = sapply(rows, function(one) unname(one$statistic)),
    df = sapply(rows, function(one) if (is.null(one$parameter)) NA else unname(one$parameter)),
    p_value = sapply(rows, function(one) unname(one$p.value))
  )
  list(result = result, tests = tests)
}

full <- pdd_total ~ lag(pdd_total, 1) + story_days_per_week |
  lag(pdd_total, 2:4) + lag(story_days_per_week, 1:4)
fits <- list(
  reference("twoways", full, "twoways"),
  reference("individual", full, "individual"),
  reference(
    "three_waves",
    pdd_total ~ lag(pdd_total, 1) + story_days_per_week |
      lag(pdd_total, 2) + lag(story_days_per_week, 1:2),
    "twoways", 1:3
  ),
  reference(
    "four_waves",
    pdd_total ~ lag(pdd_total, 1) + story_days_per_week |
      lag(pdd_total, 2:3) + lag(story_days_per_week, 1:3),
    "twoways", 2:5
  )
)
write_exactly(do.call(rbind, lapply(fits, `[[`, "result")), "gmm/expected.csv")
write_exactly(do.call(rbind, lapply(fits, `[[`, "tests")), "gmm/tests.csv")
