importScripts("ways.js");
fromAnywhere("worker");
