/* GET /status from a dict, on Express, in one process: express.js IDS */
"use strict";

const express = require("express");
const fs = require("fs");

const names = ["pending", "completed", "error"];
const ids = fs.readFileSync(process.argv[2], "ascii").trim().split("\n");
const results = new Map(ids.map((id, i) => [id, names[i % 3]]));

const app = express();

app.get("/status", (request, response) => {
	const result = results.get(request.query.job_id);

	if (!result)
		return response.status(404).json({ error: "not found" });
	response.json({ result });
});

const server = app.listen(0, "127.0.0.1", 1024, () => {
	const { version } = require("express/package.json");

	console.log(server.address().port, `Express ${version} on node ` +
		process.versions.node);
});
