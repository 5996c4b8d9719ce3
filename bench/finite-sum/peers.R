# glmnet on one L1 problem: processor seconds to a relative suboptimality, as peers.py for the others.
#   Rscript peers.R FOLDER WORKLOAD PENALTY OPTIMUM TARGETS
suppressPackageStartupMessages({
  library(Matrix)
  library(glmnet)
})
given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]
workload <- given[2]
penalty <- as.numeric(given[3])
optimum <- as.numeric(given[4])
wanted <- sort(as.numeric(strsplit(given[5], ",")[[1]]), decreasing = TRUE)

# A NumPy file of version 1: magic and version, length of the header, header, numbers.
numbers <- function(part, kind, size) {
  file <- sprintf("%s/%s-%s.npy", folder, workload, part)
  from <- file(file, "rb")
  on.exit(close(from))
  readBin(from, "raw", 8)
  header <- readBin(from, "integer", 1, size = 2, signed = FALSE)
  readBin(from, "raw", header)
  readBin(from, kind, (file.size(file) - 10 - header) / size, size = size)
}
y <- numbers("y", "numeric", 8)
n <- length(y)
squared <- workload == "w3"
x <- if (workload == "w2") {
  starts <- numbers("starts", "integer", 4)[c(TRUE, FALSE)] # the low halves of 64 bits
  as(sparseMatrix(j = numbers("columns", "integer", 4) + 1, p = starts, x = numbers("values", "numeric", 8),
                  dims = c(n, numbers("d", "numeric", 8)), repr = "R"), "CsparseMatrix")
} else {
  t(matrix(numbers("x", "numeric", 8), ncol = n))
}
objective <- function(w) {
  z <- as.vector(x %*% w)
  loss <- if (squared) (z - y)^2 / 2 else pmax(-y * z, 0) + log1p(exp(-abs(z)))
  mean(loss) + penalty * sum(abs(w))
}
spent <- 0
for (threshold in 10^-(3:14)) {
  before <- proc.time()
  fit <- glmnet(x, if (squared) y else factor(y), family = if (squared) "gaussian" else "binomial", lambda = penalty,
                intercept = FALSE, standardize = FALSE, thresh = threshold, maxit = 1e6)
  seconds <- sum((proc.time() - before)[if (Sys.getenv("BENCH_CLOCK") == "wall") 3 else 1:2])
  spent <- spent + seconds
  excess <- objective(as.vector(fit$beta)) / optimum - 1
  while (length(wanted) && excess <= wanted[1]) {
    cat(sprintf('{"solver": "glmnet", "target": %g, "seconds": %.3f}\n', wanted[1], seconds))
    wanted <- wanted[-1]
  }
  if (!length(wanted) || spent > 60) break
}
for (target in wanted) cat(sprintf('{"solver": "glmnet", "target": %g, "seconds": null}\n', target))
