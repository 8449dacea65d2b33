# clubSandwich's CR2 with Satterthwaite's t and the approximate Hotelling test (HTZ).
# Working models are those of the fits; persons' effects are dummies, not absorbed.
suppressPackageStartupMessages({
  library(clubSandwich)
  library(lme4)
  library(plm)
})
source("common.R")

panel <- read.csv("clubsandwich/panel.csv", stringsAsFactors = FALSE)
panel$person <- factor(panel$participant_id)
panel$w <- factor(panel$wave)
functions <- paste0("f", 1:5, "_days_per_week")
repeated <- droplevels(panel[ave(panel$wave, panel$person, FUN = length) > 1, ])

single <- function(model, fit, vcov, terms, labels = terms) {
  tests <- coef_test(fit, vcov = vcov, test = "Satterthwaite", coefs = terms)
  data.frame(
    model = model, term = labels, estimate = tests$beta, std_error = tests$SE,
    df = tests$df, p_value = tests$p_Satt
  )
}
joint <- function(model, fit, vcov, contrasts, test) {
  result <- Wald_test(fit, constraints = contrasts, vcov = vcov, test = "HTZ")
  data.frame(
    model = model, test = test, statistic = result$Fstat, count = result$df_num,
    df = result$df_denom, p_value = result$p_val
  )
}
# Rows of the identity: that the coefficients of the terms are 0.
zero <- function(fit, terms) {
  names <- names(coef_CS(fit))
  diag(length(names))[match(terms, names), , drop = FALSE]
}
coef_CS <- function(fit) if (inherits(fit, "lmerMod")) fixef(fit) else {
  all <- coef(fit)
  all[!is.na(all)]
}

singles <- list()
joints <- list()
add <- function(model, fit, vcov, terms = functions, labels = terms) {
  singles[[model]] <<- single(model, fit, vcov, terms, labels)
  joints[[model]] <<- rbind(
    joint(model, fit, vcov, zero(fit, terms[1:2]), "two"),
    joint(model, fit, vcov, zero(fit, terms), "five")
  )
}

# Fixed effects: persons, and waves too.
fit <- lm(reformulate(c(functions, "person"), "score"), repeated)
add("fixed_effects_one_way", fit, vcovCR(fit, repeated$person, "CR2"))
fit <- lm(reformulate(c(functions, "w", "person"), "score"), repeated)
add("fixed_effects_two_way", fit, vcovCR(fit, repeated$person, "CR2"))

# All rows, and the same with weights on the rows' scale.
fit <- lm(reformulate(c(functions, "age", "w"), "score"), panel)
add("pooled", fit, vcovCR(fit, panel$person, "CR2"))
design <- model.matrix(fit)
scaled <- as.data.frame(cbind(score = panel$score, design) * sqrt(panel$weight))
names(scaled)[2] <- "intercept"
fit <- lm(score ~ 0 + ., scaled)
add("weighted", fit, vcovCR(fit, panel$person, "CR2"))
# The same with weights as inverse variances, which are the working model.
fit <- lm(reformulate(c(functions, "age", "w"), "score"), panel, weights = weight)
add(
  "inverse_variances", fit, vcovCR(fit, panel$person, "CR2", inverse_var = TRUE)
)

# Changes between adjacent waves, with a dummy of the later one.
following <- match(
  paste(panel$person, panel$wave + 1), paste(panel$person, panel$wave)
)
earlier <- which(!is.na(following))
later <- following[earlier]
changes <- panel[later, c("score", functions)] - panel[earlier, c("score", functions)]
changes$w <- droplevels(panel$w[later])
persons <- droplevels(panel$person[later])
fit <- lm(reformulate(c(functions, "w"), "score"), changes)
add("first_difference", fit, vcovCR(fit, persons, "CR2"))

# Persons' means; waves as the share of a person's rows in each.
dummies <- model.matrix(~w, panel)[, -1]
means <- aggregate(
  cbind(panel[c("score", functions, "age")], dummies), list(person = panel$person), mean
)
fit <- lm(reformulate(c(functions, "age", colnames(dummies)), "score"), means)
add("between", fit, vcovCR(fit, means$person, "CR2"))

# Random effects, Swamy and Arora.
fit <- plm(
  reformulate(c(functions, "age", "w"), "score"), data = panel, model = "random",
  index = c("person", "wave")
)
add("random_effects", fit, vcovCR(fit, type = "CR2"))

# Within and between, the random intercept by REML.
mean_of <- function(x) ave(x, panel$person)
changing <- cbind(panel[functions], dummies)
within <- as.data.frame(lapply(changing, function(x) x - mean_of(x)))
between <- as.data.frame(lapply(changing, mean_of))
names(between) <- paste0("mean_", names(between))
both <- cbind(panel[c("score", "help", "visits", "age", "person")], within, between)
regressors <- c(names(within), names(between), "age")
fit <- lmer(
  reformulate(c(regressors, "(1 | person)"), "score"), both,
  control = lmerControl(
    optimizer = "bobyqa", optCtrl = list(rhobeg = 0.02, rhoend = 1e-12, maxfun = 1e5)
  )
)
means_of <- paste0("mean_", functions)
vcov <- vcovCR(fit, type = "CR2")
singles$within_between <- rbind(
  single("within_between", fit, vcov, functions, paste0("within.", functions)),
  single("within_between", fit, vcov, means_of, paste0("between.", functions))
)
mundlak <- zero(fit, functions) - zero(fit, means_of)
# The contextual effect: the mean's coefficient less that of the deviation.
contextual <- linear_contrast(fit, vcov, -mundlak, test = "Satterthwaite", p_values = TRUE)
singles$contextual <- data.frame(
  model = "within_between", term = paste0("contextual.", functions),
  estimate = contextual$Est, std_error = contextual$SE, df = contextual$df,
  p_value = contextual$p_val
)
joints$within_between <- rbind(
  joint("within_between", fit, vcov, mundlak[1:2, ], "two"),
  joint("within_between", fit, vcov, mundlak, "five")
)
ratio <- data.frame(model = "within_between", ratio = getME(fit, "theta")^2)

# Marginal logit and log-linear regressions on the same columns.
marginal <- function(model, outcome, family) {
  fit <- glm(
    reformulate(regressors, outcome), family, both,
    control = glm.control(epsilon = 1e-15, maxit = 100)
  )
  vcov <- vcovCR(fit, both$person, "CR2")
  singles[[model]] <<- rbind(
    single(model, fit, vcov, functions, paste0("within.", functions)),
    single(model, fit, vcov, means_of, paste0("between.", functions))
  )
  contrasts <- zero(fit, functions) - zero(fit, means_of)
  joints[[model]] <<- rbind(
    joint(model, fit, vcov, contrasts[1:2, ], "two"),
    joint(model, fit, vcov, contrasts, "five")
  )
}
marginal("gee_logit", "help", binomial)
marginal("gee_poisson", "visits", poisson)

write_exactly(do.call(rbind, singles), "clubsandwich/expected.csv")
write_exactly(do.call(rbind, joints), "clubsandwich/tests.csv")
write_exactly(ratio, "clubsandwich/ratio.csv")
