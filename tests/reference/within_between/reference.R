# lme4 by REML on deviations and means; clubSandwich's CR1S has the factor
# G/(G-1) * (N-1)/(N-K). It knows no weights: with them the sandwich is made by hand
# from lme4's variances.
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

decompose <- function(panel, exposures) {
  changing <- cbind(
    panel[c(exposures, "phq9_total_previous")],
    model.matrix(~ factor(wave), panel)[, -1, drop = FALSE]
  )
  names(changing) <- make.names(names(changing))
  # Means of a balanced panel's dummies are the same for all; lmer drops them.
  means <- as.data.frame(lapply(changing, function(x) {
    ave(panel$weight * x, panel$participant_id, FUN = sum) /
      ave(panel$weight, panel$participant_id, FUN = sum)
  }))
  within <- changing - means
  names(within) <- paste0("within.", names(within))
  names(means) <- paste0("between.", names(means))
  cbind(panel, within, means)
}

sandwich_by_hand <- function(fit, panel) {
  columns <- getME(fit, "X")
  residuals <- panel$outcome - drop(columns %*% fixef(fit))
  variances <- as.data.frame(VarCorr(fit))$vcov
  parts <- lapply(split(seq_along(residuals), panel$participant_id), function(rows) {
    x <- columns[rows, , drop = FALSE]
    v <- diag(variances[2] / panel$weight[rows], length(rows)) + variances[1]
    list(bread = t(x) %*% solve(v, x), score = drop(t(x) %*% solve(v, residuals[rows])))
  })
  bread <- solve(Reduce(`+`, lapply(parts, `[[`, "bread")))
  scores <- do.call(rbind, lapply(parts, `[[`, "score"))
  bread %*% crossprod(scores) %*% bread *
    small_sample(nrow(columns), ncol(columns), length(parts))
}

reference <- function(model, panel, exposures = exposures_of(model), outcome = panel$pdd_total,
                      weights = rep(1, nrow(panel))) {
  panel$weight <- weights
  panel <- decompose(panel, exposures)
  panel$outcome <- outcome
  terms <- grep("^(within|between)[.]", names(panel), value = TRUE)
  formula <- reformulate(c(terms, "age", "gender", "(1 | participant_id)"), "outcome")
  plain <- all(weights == 1)
  fit <- if (plain) {
    lmer(formula, data = panel, REML = TRUE, control = tight)
  } else {
    lmer(formula, data = panel, weights = weight, REML = TRUE, control = tight)
  }
  persons <- nlevels(panel$participant_id)
  clustered <- if (plain) {
    as.matrix(vcovCR(fit, cluster = panel$participant_id, type = "CR1S"))
  } else {
    sandwich_by_hand(fit, panel)
  }
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
  if (plain) {
    null <- as.data.frame(VarCorr(
      lmer(outcome ~ 1 + (1 | participant_id), data = panel, REML = TRUE, control = tight)
    ))$vcov
    # Nakagawa & Schielzeth (2013), from lme4's variances and fixed part.
    columns <- var(drop(getME(fit, "X") %*% fixef(fit)))
    total <- columns + sum(variances)
    tests$null_intraclass_correlation <- null[1] / sum(null)
    tests$r_squared_marginal <- columns / total
    tests$r_squared_conditional <- (columns + variances[1]) / total
  } else {
    tests[c("null_intraclass_correlation", "r_squared_marginal", "r_squared_conditional")] <- NA
  }
  list(result = result, tests = tests)
}

panel <- read_panel()
panels <- variants()
# Persons differ by less than their rows' noise explains: the variance ratio is 0.
boundary <- panel$pdd_total - ave(panel$pdd_total, panel$participant_id) + sin(panel$age)
weights <- 1 + (panel$wave * 7 + nchar(as.character(panel$gender)) * 3) %% 5
fits <- c(
  lapply(names(panels), function(name) reference(name, panels[[name]])),
  list(
    reference("boundary", panel, outcome = boundary),
    reference("weighted", panel, weights = weights)
  )
)
write_exactly(do.call(rbind, lapply(fits, `[[`, "result")), "within_between/expected.csv")
write_exactly(do.call(rbind, lapply(fits, `[[`, "tests")), "within_between/tests.csv")
