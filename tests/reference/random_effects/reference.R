# plm's Swamy-Arora; vcovHC with HC0 and the factor of this project.
suppressPackageStartupMessages({
  library(plm)
  library(nlme)
  library(clubSandwich)
})
source("common.R")

reference <- function(variant, panel) {
  wanted <- exposures_of(variant)
  others <- c("phq9_total_previous", "age", "gender", "factor(wave)")
  fit <- plm(
    reformulate(c(wanted, others), "pdd_total"), panel,
    model = "random", random.method = "swar", index = c("participant_id", "wave")
  )
  clustered <- vcovHC(fit, method = "arellano", type = "HC0", cluster = "group")
  n <- nrow(panel)
  persons <- nlevels(panel$participant_id)
  factor <- small_sample(n, length(coef(fit)), persons)
  std_error <- sqrt(diag(clustered) * factor)[wanted]
  result <- describe(variant, wanted, coef(fit)[wanted], std_error, n, persons)
  variances <- ercomp(fit)$sigma2
  result$intraclass_correlation <- variances[["id"]] / sum(variances)
  result
}

panels <- variants()
results <- lapply(names(panels), function(name) reference(name, panels[[name]]))
write_exactly(do.call(rbind, results), "random_effects/expected.csv")

# Hausman's test of the exposures and the covariate that change within persons. With
# waves, whose coefficients phtest would compare too, from plm's covariances; without
# them phtest itself. Where the difference of covariances is not positive definite,
# phtest takes the absolute value; here that has no number.
index <- c("participant_id", "wave")
classical <- function(panel, outcome, varying, fixed, waves) {
  dummies <- if (waves) "factor(wave)"
  fixed_effects <- plm(
    reformulate(c(varying, dummies), outcome), panel, model = "within", index = index
  )
  random <- plm(
    reformulate(c(varying, fixed, dummies), outcome), panel,
    model = "random", random.method = "swar", index = index
  )
  difference <- coef(fixed_effects)[varying] - coef(random)[varying]
  covariance <- vcov(fixed_effects)[varying, varying] - vcov(random)[varying, varying]
  definite <- all(eigen(unit_scale(covariance), symmetric = TRUE)$values > 1e-10)
  statistic <- drop(difference %*% solve(covariance, difference))
  if (!waves) {
    stopifnot(all.equal(abs(statistic), unname(phtest(fixed_effects, random)$statistic)))
  }
  df <- length(varying)
  p_value <- pchisq(statistic, df, lower.tail = FALSE)
  data.frame(
    waves = waves, hausman = if (definite) statistic else NA, df = df,
    p_value = if (definite) p_value else NA
  )
}
unit_scale <- function(covariance) {
  covariance / sqrt(abs(outer(diag(covariance), diag(covariance))))
}

# The auxiliary regression: generalized least squares with the random-effects share of
# persons, of deviations and means; clubSandwich's CR2 and Hotelling test (HTZ) that
# both are equal for the exposures.
auxiliary <- function(panel, outcome, exposures, varying, fixed, share) {
  changing <- cbind(
    panel[varying], model.matrix(~ factor(wave), panel)[, -1, drop = FALSE]
  )
  means <- as.data.frame(lapply(changing, function(x) ave(x, panel$participant_id)))
  deviations <- as.matrix(changing) - as.matrix(means)
  colnames(deviations) <- paste0("within", seq_along(changing))
  colnames(means) <- paste0("between", seq_along(changing))
  means <- means[sapply(means, sd) > 1e-10]
  # clubSandwich looks for the data by their name, among those that are global.
  auxiliary_rows <<- data.frame(panel, deviations, means)
  formula <- reformulate(c(colnames(deviations), names(means), fixed), outcome)
  fit <- gls(
    formula, auxiliary_rows,
    correlation = corCompSymm(share, form = ~ 1 | participant_id, fixed = TRUE)
  )
  place <- match(exposures, varying)
  names <- names(coef(fit))
  contrasts <- 1 * outer(paste0("within", place), names, "==") -
    1 * outer(paste0("between", place), names, "==")
  covariance <- vcovCR(fit, cluster = panel$participant_id, type = "CR2")
  test <- Wald_test(fit, contrasts, vcov = covariance, test = "HTZ")
  data.frame(
    f = test$Fstat, f_df = test$df_num, f_df_denominator = test$df_denom, f_p = test$p_val
  )
}

variant_tests <- function(name) {
  exposures <- exposures_of(name)
  varying <- c(exposures, "phq9_total_previous")
  fixed <- c("age", "gender")
  panel <- panels[[name]]
  share <- results[[which(names(panels) == name)]]$intraclass_correlation[1]
  both <- rbind(
    classical(panel, "pdd_total", varying, fixed, TRUE),
    classical(panel, "pdd_total", varying, fixed, FALSE)
  )
  robust <- auxiliary(panel, "pdd_total", exposures, varying, fixed, share)
  cbind(model = name, both, robust)
}
# Grunfeld's investment, which comes with plm.
data("Grunfeld", package = "plm")
grunfeld <- transform(Grunfeld, participant_id = factor(firm), wave = year)
varying <- c("value", "capital")
investment <- rbind(
  classical(grunfeld, "inv", varying, NULL, TRUE),
  classical(grunfeld, "inv", varying, NULL, FALSE)
)
absent <- data.frame(f = NA, f_df = NA, f_df_denominator = NA, f_p = NA)
tests <- rbind(
  do.call(rbind, lapply(names(panels), variant_tests)),
  cbind(model = "investment", investment, absent)
)
write_exactly(tests, "random_effects/tests.csv")
