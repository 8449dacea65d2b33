# plm, sandwich, lme4 and clubSandwich on real panels; the conventions are those of the
# scripts of each estimator. Argument: the folder that panels.py wrote.
suppressPackageStartupMessages({
  library(plm)
  library(sandwich)
  library(lme4)
  library(clubSandwich)
})
source("common.R")
folder <- commandArgs(trailingOnly = TRUE)[1]

asked <- list(
  wages = list(outcome = "lwage", exposures = c("union", "married"), fixed = "educ"),
  investment = list(outcome = "invest", exposures = c("value", "capital"), fixed = NULL),
  depression = list(outcome = "bdi", exposures = "treated", fixed = "drug")
)

read_real <- function(name) {
  panel <- read.csv(file.path(folder, paste0(name, ".csv")), stringsAsFactors = TRUE)
  panel$participant_id <- factor(panel$participant_id)
  panel[order(panel$participant_id, panel$wave), ]
}

of_plm <- function(panel, ask, model, formula, k) {
  fit <- plm(
    formula, panel, model = model, effect = if (model == "within") "twoways" else "individual",
    index = c("participant_id", "wave"), random.method = "swar"
  )
  n <- nrow(panel)
  persons <- nlevels(panel$participant_id)
  clustered <- vcovHC(fit, method = "arellano", type = "HC0", cluster = "group")
  factor <- small_sample(n, length(coef(fit)) + k, persons)
  std_error <- sqrt(diag(clustered) * factor)[ask$exposures]
  describe(model, ask$exposures, coef(fit)[ask$exposures], std_error, n, persons)
}

fixed_effects <- function(panel, ask) {
  panel <- without_singletons(panel)
  formula <- reformulate(ask$exposures, ask$outcome)
  found <- of_plm(panel, ask, "within", formula, length(unique(panel$wave)))
  transform(found, model = "fixed_effects")
}

random_effects <- function(panel, ask) {
  formula <- reformulate(c(ask$exposures, ask$fixed, "factor(wave)"), ask$outcome)
  transform(of_plm(panel, ask, "random", formula, 0), model = "random_effects")
}

first_difference <- function(panel, ask) {
  names <- c(ask$outcome, ask$exposures)
  earlier <- transform(panel, wave = wave + 1)
  both <- merge(panel, earlier, by = c("participant_id", "wave"), suffixes = c("", ".before"))
  changes <- both[names] - both[paste0(names, ".before")]
  changes <- droplevels(data.frame(both[c("participant_id", "wave")], changes))
  fit <- lm(reformulate(c(ask$exposures, "factor(wave)"), ask$outcome), changes)
  clustered <- vcovCL(fit, cluster = changes$participant_id, type = "HC1", cadjust = TRUE)
  describe(
    "first_difference", ask$exposures, coef(fit)[ask$exposures],
    sqrt(diag(clustered))[ask$exposures], nrow(changes), nlevels(changes$participant_id)
  )
}

within_between <- function(panel, ask) {
  changing <- cbind(panel[ask$exposures], model.matrix(~ factor(wave), panel)[, -1])
  names(changing) <- make.names(names(changing))
  means <- as.data.frame(lapply(changing, ave, panel$participant_id))
  within <- changing - means
  names(within) <- paste0("within.", names(within))
  names(means) <- paste0("between.", names(means))
  means <- means[sapply(means, sd) > 1e-12] # of a balanced panel's dummies
  terms <- c(names(within), names(means), ask$fixed, "(1 | participant_id)")
  fit <- lmer(
    reformulate(terms, ask$outcome), cbind(panel, within, means), REML = TRUE,
    control = lmerControl(optCtrl = list(
      xtol_abs = 1e-12, ftol_abs = 1e-12, xtol_rel = 1e-12, ftol_rel = 1e-12
    ))
  )
  wanted <- c(paste0("within.", ask$exposures), paste0("between.", ask$exposures))
  clustered <- as.matrix(vcovCR(fit, cluster = panel$participant_id, type = "CR1S"))
  describe(
    "within_between", wanted, fixef(fit)[wanted], sqrt(diag(clustered))[wanted],
    nrow(panel), nlevels(panel$participant_id)
  )
}

fits <- list(fixed_effects, random_effects, first_difference, within_between)
results <- lapply(names(asked), function(name) {
  panel <- read_real(name)
  found <- do.call(rbind, lapply(fits, function(fit) fit(panel, asked[[name]])))
  cbind(panel = name, found)
})
write_exactly(do.call(rbind, results), "real/expected.csv")
