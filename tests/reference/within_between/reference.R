# lme4 by REML on deviations and means; clubSandwich's CR1S has the factor
# G/(G-1) * (N-1)/(N-K).
suppressPackageStartupMessages({
  library(lme4)
  library(clubSandwich)
})
source("common.R")

tight <- lmerControl(
  optimizer = "nloptwrap",
  optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12, xtol_rel = 1e-12, ftol_rel = 1e-12),
  check.conv.singular = "ignore"
)

decompose <- function(panel) {
  changing <- cbind(
    panel[c("reaction_days_per_week", "story_days_per_week", "phq9_total_previous")],
    model.matrix(~ factor(wave), panel)[, -1]
  )
  names(changing) <- make.names(names(changing))
  means <- as.data.frame(lapply(changing, ave, panel$participant_id))
  within <- changing - means
  names(within) <- paste0("within.", names(within))
  names(means) <- paste0("between.", names(means))
  cbind(panel, within, means)
}

reference <- function(model, outcome) {
  panel <- decompose(read_panel())
  panel$outcome <- outcome(panel)
  terms <- grep("^(within|between)[.]", names(panel), value = TRUE)
  formula <- reformulate(c(terms, "age", "gender", "(1 | participant_id)"), "outcome")
  fit <- lmer(formula, data = panel, REML = TRUE, control = tight)
  persons <- nlevels(panel$participant_id)
  clustered <- as.matrix(vcovCR(fit, cluster = panel$participant_id, type = "CR1S"))
  wanted <- grep("_days_per_week$", terms, value = TRUE)
  result <- describe(
    model, wanted, fixef(fit)[wanted], sqrt(diag(clustered))[wanted],
    nrow(panel), persons
  )
  result$model_std_error <- sqrt(diag(as.matrix(vcov(fit))))[wanted]
  exposures <- sub("^within[.]", "", grep("^within", wanted, value = TRUE))
  contrast <- 1 * outer(paste0("within.", exposures), names(fixef(fit)), "==") -
    1 * outer(paste0("between.", exposures), names(fixef(fit)), "==")
  difference <- contrast %*% fixef(fit)
  f <- drop(t(difference) %*% solve(contrast %*% clustered %*% t(contrast), difference)) /
    length(exposures)
  variances <- as.data.frame(VarCorr(fit))$vcov
  tests <- data.frame(
    model = model,
    wald = f,
    wald_p = pf(f, length(exposures), persons - 1, lower.tail = FALSE),
    intraclass_correlation = variances[1] / sum(variances),
    residual_variance = variances[2]
  )
  list(result = result, tests = tests)
}

fits <- list(
  reference("stable", function(panel) panel$pdd_total),
  # Persons differ by less than their rows' noise explains: the variance ratio is 0.
  reference("boundary", function(panel) {
    panel$pdd_total - ave(panel$pdd_total, panel$participant_id) + sin(panel$age)
  })
)
write_exactly(do.call(rbind, lapply(fits, `[[`, "result")), "within_between/expected.csv")
write_exactly(do.call(rbind, lapply(fits, `[[`, "tests")), "within_between/tests.csv")
