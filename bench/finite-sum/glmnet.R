# glmnet on one problem: processor seconds to a relative suboptimality, as in peers.py.
#   Rscript glmnet.R FOLDER WORKLOAD PROBLEM PENALTY OPTIMUM TARGETS
suppressMessages({library(Matrix); library(glmnet)})
a <- commandArgs(TRUE)
read <- function(part, what = "double", size = 8) {
  file <- file(sprintf("%s/%s-%s.npy", a[1], a[2], part), "rb")
  on.exit(close(file))
  head <- readBin(file, "raw", 10)
  readBin(file, "raw", as.integer(head[9]) + 256L * as.integer(head[10]))
  if (what == "int64") { all <- readBin(file, "integer", 1e8, 4); return(all[c(TRUE, FALSE)]) }
  readBin(file, what, 1e9, size)
}
y <- read("y")
n <- length(y)
if (a[2] == "w2") {
  starts <- read("starts", "int64")
  x <- as(sparseMatrix(i = rep(seq_len(n), diff(starts)), j = read("columns", "integer", 4) + 1L, x = read("values"),
                       dims = c(n, read("d"))), "CsparseMatrix")
} else {
  values <- read("x")
  x <- matrix(values, nrow = n, byrow = TRUE)
}
squared <- a[2] == "w3"
l1 <- as.numeric(a[4]); optimum <- as.numeric(a[5])
targets <- sort(as.numeric(strsplit(a[6], ",")[[1]]), decreasing = TRUE)
objective <- function(w) {
  z <- as.vector(x %*% w)
  (if (squared) mean((z - y)^2) / 2 else mean(pmax(0, -y * z) + log1p(exp(-abs(y * z))))) + l1 * sum(abs(w))
}
say <- function(target, seconds)
  cat(sprintf('{"solver":"glmnet","target":%g,"seconds":%s}\n', target, ifelse(is.na(seconds), "null", format(seconds))))
for (thresh in 10^-(3:14)) {
  time <- system.time(fit <- glmnet(x, if (squared) y else factor(y), family = if (squared) "gaussian" else "binomial",
                                    lambda = l1, intercept = FALSE, standardize = FALSE, thresh = thresh, maxit = 1e6))
  excess <- objective(as.vector(coef(fit))[-1]) / optimum - 1
  while (length(targets) && excess <= targets[1]) { say(targets[1], time[["user.self"]] + time[["sys.self"]]); targets <- targets[-1] }
  if (!length(targets) || time[["elapsed"]] > 60) break
}
for (target in targets) say(target, NA)
