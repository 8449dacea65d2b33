# Sixteen specifications of two exposures: lm with person and wave dummies, and lm on
# changes between adjacent waves; clubSandwich's CR2 with Satterthwaite's t. The scale is
# the exposure's standard deviation over the outcome's, both within persons.
suppressPackageStartupMessages(library(clubSandwich))
source("common.R")

panel <- read.csv("panel.csv", stringsAsFactors = FALSE)
exposures <- c("reaction_days_per_week", "story_days_per_week")

within_sd <- function(x, person) {
  sqrt(sum((x - ave(x, person))^2) / (length(x) - 1))
}

describe_fit <- function(fit, person, rows, terms) {
  tests <- coef_test(fit, vcov = vcovCR(fit, person, "CR2"), test = "Satterthwaite", coefs = terms)
  scale <- sapply(terms, function(t) within_sd(rows[[t]], rows$participant_id)) /
    within_sd(rows$pdd_total, rows$participant_id)
  data.frame(
    exposure = c("reaction", "story"), estimate = tests$beta, std_error = tests$SE,
    df = tests$df, p_value = tests$p_Satt, standardized = tests$beta * scale
  )
}

fit_levels <- function(rows, terms) {
  rows <- without_singletons(rows)
  rows$w <- factor(rows$wave)
  rows$person <- factor(rows$participant_id)
  fit <- lm(reformulate(c(terms, "w", "person"), "pdd_total"), rows)
  describe_fit(fit, rows$person, rows, terms[1:2])
}

fit_changes <- function(rows, terms) {
  rows <- rows[order(rows$participant_id, rows$wave), ]
  later <- which(diff(rows$wave) == 1 & head(rows$participant_id, -1) == tail(rows$participant_id, -1)) + 1
  changes <- rows[later, c("pdd_total", terms)] - rows[later - 1, c("pdd_total", terms)]
  changes$w <- factor(rows$wave[later])
  person <- factor(rows$participant_id[later])
  fit <- lm(reformulate(c(terms, if (nlevels(changes$w) > 1) "w"), "pdd_total"), changes)
  describe_fit(fit, person, rows, terms[1:2])
}

result <- list()
for (transform in c("none", "log1p")) {
  for (estimator in c("fixed_effects", "first_difference")) {
    for (covariates in c("none", "previous_wave")) {
      for (exclude in c("nobody", "first_wave")) {
        terms <- c(exposures, if (covariates != "none") "phq9_total_previous")
        rows <- panel
        if (transform == "log1p") rows[exposures] <- log1p(rows[exposures])
        if (exclude == "first_wave") rows <- rows[rows$wave > 1, ]
        rows <- rows[complete.cases(rows[c("pdd_total", terms)]), ]
        fit <- if (estimator == "fixed_effects") fit_levels else fit_changes
        choices <- data.frame(transform, estimator, covariates, exclude)
        result[[length(result) + 1]] <- cbind(choices, fit(rows, terms))
      }
    }
  }
}
write_exactly(do.call(rbind, result), "specification_curve/expected.csv")
