# psych for kappa with quadratic weights and ICC2 (absolute agreement, one measurement);
# Bland and Altman's numbers and the jackknife over persons in base R. Nothing is
# computed from sums here: each person is left out and everything is estimated again.
# psych warns that its own limits of kappa, which are not used, pass 1.
suppressPackageStartupMessages(library(psych))
source("common.R")

pairs <- read.csv("agreement/pairs.csv")
levels <- 0:5

statistics <- function(rows) {
  a <- rows$chat_self_report
  b <- rows$chat_frequency
  crossed <- table(factor(a, levels), factor(b, levels))
  weights <- outer(levels, levels, function(i, j) 1 - (i - j)^2 / 25)
  kappa <- cohen.kappa(crossed, w = weights, n.obs = nrow(rows))$weighted.kappa
  icc <- ICC(cbind(a, b), lmer = FALSE)$results["Single_random_raters", "ICC"]
  d <- a - b
  slope <- coef(lm(d ~ I((a + b) / 2)))[[2]]
  limits <- mean(d) + c(-1, 1) * qnorm(0.975) * sd(d)
  c(kappa = kappa, icc = icc, mean_difference = mean(d), slope = slope,
    limit_low = limits[1], limit_high = limits[2])
}

on_z <- c("kappa", "icc")
to_z <- function(x) { x[on_z] <- atanh(x[on_z]); x }
from_z <- function(x) { x[on_z] <- tanh(x[on_z]); x }

jackknife <- function(rows) {
  persons <- unique(rows$participant_id)
  without <- t(sapply(persons, function(p) to_z(statistics(rows[rows$participant_id != p, ]))))
  g <- length(persons)
  se <- sqrt((g - 1) / g * colSums(sweep(without, 2, colMeans(without))^2))
  value <- statistics(rows)
  reach <- qt(0.975, g - 1) * se
  data.frame(statistic = names(value), value = value,
             ci_low = from_z(to_z(value) - reach), ci_high = from_z(to_z(value) + reach),
             n = nrow(rows), people = g)
}

of <- function(wave) {
  rows <- if (is.na(wave)) pairs else pairs[pairs$wave == wave, ]
  cbind(wave = wave, jackknife(rows))
}
write_exactly(do.call(rbind, lapply(c(1, 2, 3, NA), of)), "agreement/expected.csv")
