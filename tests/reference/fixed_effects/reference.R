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

panel <- read_panel()
both <- c("reaction_days_per_week", "story_days_per_week")
plain <- pdd_total ~ reaction_days_per_week + story_days_per_week + phq9_total_previous
logged <- pdd_total ~ log1p(reaction_days_per_week) + log1p(story_days_per_week)
write_exactly(
  rbind(
    reference("individual", plain, both, "individual", without_singletons(panel, FALSE)),
    reference("twoways", plain, both, "twoways", without_singletons(panel)),
    reference(
      "twoways_log1p", logged, paste0("log1p(", both, ")"), "twoways",
      without_singletons(panel)
    )
  ),
  "fixed_effects/expected.csv"
)
