# A logit of answering with clubSandwich's CR2 and Satterthwaite's t. The rows at risk
# are those of weights/reference.R.
suppressPackageStartupMessages(library(clubSandwich))
source("common.R")

panel <- read.csv("dropout.csv", stringsAsFactors = FALSE)
panel <- panel[order(panel$participant_id, panel$wave), ]
at_risk <- do.call(rbind, lapply(split(panel, panel$participant_id), function(person) {
  known <- person$wave[!is.na(person$pdd_total)]
  if (length(known) == 0) return(NULL)
  first <- min(known)
  ended <- min(c(setdiff(first:4, known), 5))
  waves <- setdiff(seq(first, min(ended, 4)), first)
  do.call(rbind, lapply(waves, function(wave) {
    row <- tail(person[person$wave <= wave, ], 1)
    row$answered <- wave < ended
    row$before <- person$pdd_total[person$wave == wave - 1]
    row$wave <- wave
    row
  }))
}))
fit <- glm(
  answered ~ factor(wave) + age + factor(gender) + before + reaction_days_per_week +
    story_days_per_week,
  binomial, at_risk, control = glm.control(epsilon = 1e-15, maxit = 100)
)
clustered <- vcovCR(fit, at_risk$participant_id, "CR2")
tests <- coef_test(fit, clustered, "Satterthwaite")
reach <- qt(0.975, tests$df) * tests$SE
result <- data.frame(
  model = "attrition", term = names(coef(fit)), estimate = tests$beta,
  std_error = tests$SE, statistic = tests$tstat, df = tests$df, p_value = tests$p_Satt,
  ci_low = tests$beta - reach, ci_high = tests$beta + reach, n_obs = nobs(fit),
  n_participants = length(unique(at_risk$participant_id))
)
values <- model.matrix(fit)
result$mean_answered <- colMeans(values[at_risk$answered, ])
result$mean_lost <- colMeans(values[!at_risk$answered, ])
write_exactly(result[-1, ], "attrition/expected.csv")
