"""What is told of endpoint groups: on their Service, and in ServiceNetworkEndpointGroups.

Both as ingress-gce writes them, for those who put the groups behind load balancers of their own. A
name stands there only while its groups do: it comes when they are there, and goes before they go.
Nothing reads this to decide what is wanted.
"""
