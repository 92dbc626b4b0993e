importScripts("ways.js");
fromAnywhere("shared");
