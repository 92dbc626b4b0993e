importScripts("ways.js");
fromAnywhere("service");
