# Stabilised weights by glm, cumulated over waves; weighted lm, with person dummies for
# fixed effects. Row by row, as the rule is written down.
source("common.R")

tight <- glm.control(epsilon = 1e-15, maxit = 100)
panel <- read.csv("dropout.csv", stringsAsFactors = FALSE)
panel$gender <- factor(panel$gender)
panel <- panel[order(panel$participant_id, panel$wave), ]

# Everybody in every wave, also those who have withdrawn.
grid <- expand.grid(wave = 1:4, participant_id = unique(panel$participant_id))
rows <- merge(grid, panel, all.x = TRUE)
rows <- rows[order(rows$participant_id, rows$wave), ]
for (name in c("reaction_days_per_week", "story_days_per_week", "age", "gender")) {
  for (i in which(is.na(rows[[name]]))) rows[[name]][i] <- rows[[name]][i - 1]
}
rows$answered <- !is.na(rows$pdd_total)
rows$before <- NA
rows$risk <- rows$whole <- FALSE
for (i in seq_len(nrow(rows))) {
  first <- rows$wave[i] == 1
  started <- !first && (rows$whole[i - 1] || rows$ended[i - 1])
  rows$ended[i] <- started && (rows$ended[i - 1] || !rows$answered[i])
  rows$whole[i] <- rows$answered[i] && !rows$ended[i]
  rows$risk[i] <- started && !rows$ended[i - 1]
  if (!first) rows$before[i] <- rows$pdd_total[i - 1]
}

at_risk <- rows[rows$risk, ]
given <- glm(
  answered ~ factor(wave) + age + gender, binomial, at_risk, control = tight
)
seen <- update(given, . ~ . + before + reaction_days_per_week + story_days_per_week)
rows$ratio <- 1
rows$ratio[rows$risk] <- fitted(given) / fitted(seen)
rows$weight <- ave(rows$ratio, rows$participant_id, FUN = cumprod)
analysed <- rows[rows$whole, ]
write_exactly(
  analysed[c("participant_id", "wave", "weight")], "weights/weights.csv"
)
write_exactly(
  data.frame(term = names(coef(seen)), estimate = coef(seen)), "weights/dropout_model.csv"
)

terms <- c("reaction_days_per_week", "story_days_per_week")
pooled <- lm(
  pdd_total ~ reaction_days_per_week + story_days_per_week + age + gender + factor(wave),
  analysed, weights = weight
)
repeated <- analysed[ave(analysed$wave, analysed$participant_id, FUN = length) > 1, ]
within <- lm(
  pdd_total ~ reaction_days_per_week + story_days_per_week + factor(wave) +
    factor(participant_id),
  repeated, weights = weight
)
write_exactly(
  data.frame(
    model = rep(c("pooled", "fixed_effects"), each = 2), term = c(terms, terms),
    estimate = c(coef(pooled)[terms], coef(within)[terms]),
    n_obs = rep(c(nobs(pooled), nobs(within)), each = 2)
  ),
  "weights/expected.csv"
)

# Taking part at all, by the use of the first window; one row a person.
first <- panel[panel$wave == 1, ]
ever <- tapply(!is.na(panel$pdd_total), panel$participant_id, any)
first$ever <- ever[first$participant_id]
# The answers of every third person are taken for lost, so that there is a frame.
taken <- unique(panel$participant_id)[c(FALSE, FALSE, TRUE)]
first$ever[first$participant_id %in% taken & first$story_days_per_week < 1] <- FALSE
share <- glm(ever ~ 1, binomial, first, control = tight)
chance <- glm(
  ever ~ reaction_days_per_week + story_days_per_week, binomial, first, control = tight
)
first$weight <- fitted(share) / fitted(chance)
write_exactly(
  first[first$ever, c("participant_id", "weight")], "weights/participation.csv"
)
