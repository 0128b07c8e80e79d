"""Complete small applications, one for each framework: sign in at the hosted UI, see who is signed in, sign out.

``python -m tests.examples flask`` serves one, with a stand-in of Cognito, for you to click through.
"""
