# lm on changes between adjacent waves, with sandwich::vcovCL. plm differences rows,
# also over a gap: it is held against on persons without gaps, with dummies
# differenced too, which span the same space.
suppressPackageStartupMessages({
  library(plm)
  library(sandwich)
})
source("common.R")

changes_of <- function(panel, names) {
  earlier <- transform(panel, wave = wave + 1)
  both <- merge(panel, earlier, by = c("participant_id", "wave"), suffixes = c("", ".before"))
  both <- both[order(both$participant_id, both$wave), ]
  changes <- both[names] - both[paste0(names, ".before")]
  data.frame(both[c("participant_id", "wave")], changes)
}

fit_changes <- function(panel, wanted, others) {
  changes <- changes_of(panel, c("pdd_total", wanted, others))
  waves <- if (length(unique(changes$wave)) > 1) "factor(wave)"
  fit <- lm(reformulate(c(wanted, others, waves), "pdd_total"), changes)
  list(fit = fit, changes = droplevels(changes))
}

without_gaps <- function(panel) {
  gap <- ave(panel$wave, panel$participant_id, FUN = function(w) max(c(1, diff(sort(w)))))
  alone <- ave(panel$wave, panel$participant_id, FUN = length) == 1
  droplevels(panel[gap == 1 & !alone, ])
}

check_with_plm <- function(panel, wanted, others) {
  panel <- without_gaps(panel)
  fit <- plm(
    reformulate(c(wanted, others, "factor(wave)"), "pdd_total"),
    panel, model = "fd", index = c("participant_id", "wave")
  )
  ours <- coef(fit_changes(panel, wanted, others)$fit)[wanted]
  stopifnot(all.equal(coef(fit)[wanted], ours, tolerance = 1e-10))
}

reference <- function(variant, panel) {
  wanted <- exposures_of(variant)
  others <- "phq9_total_previous"
  check_with_plm(panel, wanted, others)
  found <- fit_changes(panel, wanted, others)
  clustered <- vcovCL(
    found$fit, cluster = found$changes$participant_id, type = "HC1", cadjust = TRUE
  )
  std_error <- sqrt(diag(clustered))[wanted]
  describe(
    variant, wanted, coef(found$fit)[wanted], std_error,
    nrow(found$changes), nlevels(found$changes$participant_id)
  )
}

# Errors of changes on those of the change before; plm's test has no small-sample
# factor, and is held against where it takes the same rows.
serial <- function(variant, panel, check = FALSE) {
  wanted <- exposures_of(variant)
  found <- fit_changes(panel, wanted, "phq9_total_previous")
  errors <- data.frame(found$changes[c("participant_id", "wave")], error = resid(found$fit))
  both <- merge(errors, transform(errors, wave = wave + 1), by = c("participant_id", "wave"))
  both <- droplevels(both)
  fit <- lm(error.x ~ error.y, both)
  persons <- nlevels(both$participant_id)
  variance <- vcovCL(fit, cluster = both$participant_id, type = "HC1", cadjust = TRUE)[2, 2]
  if (check) {
    formula <- reformulate(c(wanted, "phq9_total_previous", "factor(wave)"), "pdd_total")
    theirs <- pwfdtest(formula, panel, index = c("participant_id", "wave"), h0 = "fe")
    ours <- (coef(fit)[[2]] + 0.5)^2 / variance * small_sample(nrow(both), 2, persons)
    stopifnot(all.equal(theirs$statistic[[1]], ours, tolerance = 1e-8))
  }
  statistic <- (coef(fit)[[2]] - c(fe = -0.5, fd = 0))^2 / variance
  data.frame(
    model = variant, of = names(statistic), serial = statistic, df = persons - 1,
    serial_p = pf(statistic, 1, persons - 1, lower.tail = FALSE)
  )
}

panels <- variants()
results <- lapply(names(panels), function(name) reference(name, panels[[name]]))
write_exactly(do.call(rbind, results), "first_difference/expected.csv")
long <- panels[c("dropout", "balanced", "constant")]
tests <- lapply(names(long), function(name) {
  serial(name, long[[name]], check = name == "balanced")
})
write_exactly(do.call(rbind, tests), "first_difference/tests.csv")
