/* serve - `lbc lsp`: a language server on two file descriptors (LSP 3.17). */
#pragma once

/* Reads messages from `in` and answers on `out` until the client says exit or closes. Returns the
 * exit code: 0 after shutdown and exit, 1 otherwise. Blocks. */
int lsp_serve(int in, int out);
