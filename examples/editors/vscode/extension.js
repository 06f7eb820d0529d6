// Starts `lbc lsp` and hands it to VS Code; all the rest is the server's.
"use strict";
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function start() {
  const program = vscode.workspace.getConfiguration("lbconf").get("lbc", "lbc");
  client = new LanguageClient(
    "lbconf",
    "lbconf",
    { command: program, args: ["lsp"] },
    {
      documentSelector: [{ language: "lbconf" }],
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{lbconf,txt,map}") },
    },
  );
  return client.start().catch((error) => {
    vscode.window.showErrorMessage(`lbconf: cannot start "${program} lsp" (${error.message}). Is "lbconf.lbc" set?`);
  });
}

async function restart() {
  await deactivate();
  await start();
}

function activate(context) {
  context.subscriptions.push(vscode.commands.registerCommand("lbconf.restart", restart));
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((e) => {
      if (e.affectsConfiguration("lbconf.lbc")) restart();
    }),
  );
  return start();
}

async function deactivate() {
  const running = client;
  client = undefined;
  if (running && running.needsStop()) await running.stop();
}

module.exports = { activate, deactivate };
