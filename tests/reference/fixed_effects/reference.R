# plm's within estimators; vcovHC with HC0 and the factor of this project.
suppressPackageStartupMessages(library(plm))
source("common.R")

reference <- function(model, formula, terms, effect, panel) {
  fit <- plm(
    formula, data = panel, model = "within", effect = effect,
    index = c("participant_id", "wave")
  )
  n <- nrow(panel)
  persons <- nlevels(panel$participant_id)
  waves <- if (effect == "twoways") length(unique(panel$wave)) else 1
  k <- length(coef(fit)) + waves # the intercept and the wave dummies but one
  clustered <- vcovHC(fit, method = "arellano", type = "HC0", cluster = "group")
  std_error <- sqrt(diag(clustered) * small_sample(n, k, persons))
  describe(model, terms, coef(fit)[terms], std_error[terms], n, persons)
}

# lm on deviations from weighted means: the same coefficients and scores, the intercept
# and no person counted in K.
weighted <- function(model, terms, others, panel) {
  panel$weight <- 1 + (panel$wave * 7 + nchar(as.character(panel$gender)) * 3) %% 5
  means <- function(x) {
    ave(panel$weight * x, panel$participant_id, FUN = sum) /
      ave(panel$weight, panel$participant_id, FUN = sum)
  }
  columns <- cbind(panel[c("pdd_total", terms, others)], model.matrix(~ factor(wave), panel)[, -1])
  within <- as.data.frame(lapply(columns, function(x) x - means(x)))
  fit <- lm(pdd_total ~ 0 + ., within, weights = panel$weight)
  persons <- nlevels(panel$participant_id)
  clustered <- sandwich::vcovCL(
    fit, cluster = panel$participant_id, type = "HC0", cadjust = FALSE
  )
  factor <- small_sample(nrow(panel), length(coef(fit)) + 1, persons)
  std_error <- sqrt(diag(clustered) * factor)[terms]
  describe(model, terms, coef(fit)[terms], std_error, nrow(panel), persons)
}

panel <- read_panel()
both <- c("reaction_days_per_week", "story_days_per_week")
plain <- pdd_total ~ reaction_days_per_week + story_days_per_week + phq9_total_previous
logged <- pdd_total ~ log1p(reaction_days_per_week) + log1p(story_days_per_week)
panels <- variants()
of_variants <- lapply(names(panels), function(name) {
  wanted <- exposures_of(name)
  formula <- reformulate(c(wanted, "phq9_total_previous"), "pdd_total")
  reference(name, formula, wanted, "twoways", without_singletons(panels[[name]]))
})
write_exactly(
  rbind(
    reference("individual", plain, both, "individual", without_singletons(panel, FALSE)),
    reference(
      "twoways_log1p", logged, paste0("log1p(", both, ")"), "twoways",
      without_singletons(panel)
    ),
    weighted("weighted", both, "phq9_total_previous", without_singletons(panel)),
    do.call(rbind, of_variants)
  ),
  "fixed_effects/expected.csv"
)

# R2 of deviations from persons' means, wave dummies among the columns.
explained <- lapply(names(panels), function(name) {
  formula <- reformulate(
    c(exposures_of(name), "phq9_total_previous", "factor(wave)"), "pdd_total"
  )
  fit <- plm(formula, panels[[name]], model = "within", index = c("participant_id", "wave"))
  data.frame(model = name, r_squared_within = unname(summary(fit)$r.squared["rsq"]))
})
write_exactly(do.call(rbind, explained), "fixed_effects/tests.csv")
