"""The scenes that come with livevae: `livevae serve NAME` plays one."""
