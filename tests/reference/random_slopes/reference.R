# lme4 by REML with a random intercept and one random slope, correlated; clubSandwich's
# CR2 and Satterthwaite's df of the slope's mean under that model.
suppressPackageStartupMessages({
  library(lme4)
  library(clubSandwich)
})
source("common.R")

tight <- lmerControl(
  optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9, maxfun = 1e5),
  check.conv.singular = "ignore", calc.derivs = FALSE
)

panel <- read.csv("random_slopes/panel.csv")
panel$participant_id <- factor(panel$participant_id)
exposures <- c("reaction_days_per_week", "story_days_per_week")
changing <- cbind(panel[exposures], model.matrix(~ factor(wave), panel)[, -1])
means <- as.data.frame(lapply(changing, function(x) ave(x, panel$participant_id)))
deviations <- as.matrix(changing) - as.matrix(means)
colnames(deviations) <- paste0("within", seq_along(changing))
colnames(means) <- paste0("between", seq_along(changing))
rows <- data.frame(panel, deviations, means)
terms <- c(colnames(deviations), colnames(means))

reference <- function(model, outcome, place) {
  slope <- paste0("within", place)
  random <- sprintf("(1 + %s | participant_id)", slope)
  fit <- lmer(reformulate(c(terms, random), outcome), rows, control = tight)
  plain <- lmer(reformulate(c(terms, "(1 | participant_id)"), outcome), rows, control = tight)
  covariance <- VarCorr(fit)$participant_id
  ratio <- 2 * (as.numeric(logLik(fit)) - as.numeric(logLik(plain)))
  robust <- coef_test(fit, vcov = "CR2", cluster = rows$participant_id, coefs = slope)
  data.frame(
    model = model, term = exposures[place], estimate = fixef(fit)[[slope]],
    std_error = robust$SE, df = robust$df_Satt, p_value = robust$p_Satt,
    slope_sd = attr(covariance, "stddev")[[slope]],
    correlation = attr(covariance, "correlation")[1, 2],
    log_likelihood = as.numeric(logLik(fit)), likelihood_ratio = ratio,
    slope_p = mean(pchisq(max(ratio, 0), 1:2, lower.tail = FALSE)),
    singular = isSingular(fit)
  )
}
results <- rbind(
  reference("differ", "score", 1), reference("differ", "score", 2),
  reference("boundary", "level", 1), reference("boundary", "level", 2)
)
write_exactly(results, "random_slopes/expected.csv")
