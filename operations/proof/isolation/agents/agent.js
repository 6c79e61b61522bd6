// Tries connections from inside a pod, and listens there; see agents/README.md for what it is told and says.
const dns = require("node:dns");
const net = require("node:net");

const AT_ONCE = 64;
const wanted = [];
let trying = 0;
let seconds = 0;

const say = (...words) => process.stdout.write(words.join(" ") + "\n");
const wordsOf = (error) => error.code ?? String(error.message).replaceAll("\n", " ");

function listen(port) {
  const server = net.createServer((caller) => caller.destroy());
  server.once("error", (error) => say("deaf", port, wordsOf(error)));
  server.listen(Number(port), () => say("listening", port));
}

function connect(answer, address, port) {
  const socket = net.connect({ host: address, port: Number(port) });
  const end = (...words) => {
    socket.destroy();
    answer(...words);
  };
  socket.once("connect", () => end("open"));
  socket.once("error", ({ code, ...error }) =>
    code === "ECONNREFUSED" ? end("refused") : code === "ETIMEDOUT" ? end("silent") : end("error", code ?? wordsOf(error)),
  );
  return () => end("silent");
}

function lookUp(answer, name) {
  dns.lookup(name, { all: true }, (error, found) =>
    error ? answer("error", wordsOf(error)) : answer("found", found.map((one) => one.address).join(",")),
  );
  return () => answer("silent");
}

function attempt([command, key, ...words]) {
  trying += 1;
  let answered = false;
  let clock;
  const answer = (...result) => {
    if (answered) return;
    answered = true;
    trying -= 1;
    clearTimeout(clock);
    say(key, ...result);
    setImmediate(begin);
  };
  const giveUp = (command === "tcp" ? connect : lookUp)(answer, ...words);
  clock = setTimeout(giveUp, seconds * 1000);
}

function begin() {
  while (seconds && wanted.length && trying < AT_ONCE) attempt(wanted.shift());
  if (seconds && !wanted.length && !trying) {
    seconds = 0;
    say("done");
  }
}

function obey(line) {
  const [command, ...words] = line.trim().split(/\s+/);
  if (command === "listen") listen(words[0]);
  else if (command === "go") seconds = Number(words[0]);
  else if (command) wanted.push([command, ...words]);
}

let said = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text) => {
  const lines = (said + text).split("\n");
  said = lines.pop();
  lines.forEach(obey);
  begin();
});
process.stdin.on("end", () => process.exit(0));
process.stdout.on("error", () => process.exit(0));
setTimeout(() => process.exit(0), Number(process.argv[1]) * 1000);
say("ready");
