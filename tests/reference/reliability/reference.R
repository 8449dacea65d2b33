# psych for alpha (with Feldt's limits), item-rest correlations and the ICC; lavaan
# for the one factor behind omega. Reversal, scores and shares by hand.
suppressPackageStartupMessages({
  library(psych)
  library(lavaan)
})
source("common.R")

answers <- read.csv("reliability/answers.csv")
for (i in c(1, 2, 3, 4, 8, 10)) {
  answers[[paste0("pdd_", i)]] <- 5 - answers[[paste0("pdd_", i)]]
}
scales <- list(
  phq9_total = list(items = paste0("phq9_", 1:9), allowed = 2, ends = c(0, 27), sum = TRUE),
  pdd_total = list(items = paste0("pdd_", 1:12), allowed = 2, ends = c(0, 60), sum = TRUE),
  ghsq_formal = list(
    items = paste0("ghsq_", c("physician", "mental_health_professional", "online_counselling")),
    allowed = 1, ends = c(1, 7), sum = FALSE
  )
)

row <- function(statistic, value, n, item = "", low = NA, high = NA) {
  data.frame(statistic, item, value, ci_low = low, ci_high = high, n)
}

# Share of the sum's variance that one factor explains, from unstandardized loadings.
omega_of <- function(items) {
  syntax <- paste("f =~", paste(names(items), collapse = " + "))
  fit <- cfa(
    syntax, items, std.lv = TRUE, optim.method = "BFGS",
    control = list(reltol = 1e-16, maxit = 10000) # nlminb stops 1e-6 too early
  )
  parts <- lavInspect(fit, "est")
  common <- sum(parts$lambda)^2
  common / (common + sum(diag(parts$theta)))
}

of_items <- function(items) {
  fit <- alpha(items, check.keys = FALSE, warnings = FALSE)
  limits <- alpha.ci(fit$total$raw_alpha, nrow(items), ncol(items))
  rbind(
    row("alpha", fit$total$raw_alpha, nrow(items), low = limits$lower.ci, high = limits$upper.ci),
    row("omega", omega_of(items), nrow(items)),
    row("item_rest", fit$item.stats$r.drop, nrow(items), item = names(items))
  )
}

score_of <- function(items, scale) {
  score <- rowMeans(items, na.rm = TRUE) * if (scale$sum) ncol(items) else 1
  ifelse(rowSums(is.na(items)) > scale$allowed, NA, score)
}

retest_of <- function(scores) {
  both <- na.omit(reshape(scores, idvar = "participant_id", timevar = "wave", direction = "wide"))
  found <- ICC(both[-1], lmer = FALSE)$results["Single_random_raters", ]
  row("test_retest", found$ICC, nrow(both), low = found[["lower bound"]], high = found[["upper bound"]])
}

of_scale <- function(name) {
  scale <- scales[[name]]
  items <- answers[scale$items]
  scores <- data.frame(answers[c("participant_id", "wave")], score = score_of(items, scale))
  waves <- lapply(1:2, function(wave) {
    complete <- na.omit(items[answers$wave == wave, ])
    known <- na.omit(scores$score[scores$wave == wave])
    found <- rbind(
      of_items(complete),
      row("floor", mean(known == scale$ends[1]), length(known)),
      row("ceiling", mean(known == scale$ends[2]), length(known)),
      if (wave == 2) retest_of(scores)
    )
    cbind(score = name, wave = wave, found)
  })
  do.call(rbind, waves)
}

write_exactly(do.call(rbind, lapply(names(scales), of_scale)), "reliability/expected.csv")
